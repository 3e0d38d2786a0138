package main

// From manageable to an instance, and back.

import (
	"strings"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/nodes"
)

type image struct {
	URL, Checksum, ChecksumType, Format string
}

func (i image) live() bool { return i.Format == "live-iso" }

type provisionArgs struct {
	Host  host
	Image image
	// RootDevice hints, such as {"name": "s== /dev/sda"}.
	RootDevice values
	// CustomDeploy is a deploy step of the operator's own ramdisk.
	CustomDeploy string
	ConfigDrive  nodes.ConfigDrive
	ForceReboot  bool
}

// instance is what instance_info has: nil for what an earlier image may have left.
func (a provisionArgs) instance() values {
	i := values{
		"capabilities": values{}, "root_device": a.RootDevice,
		"boot_iso": nil, "image_source": nil, "image_disk_format": nil,
		"image_checksum": nil, "image_os_hash_algo": nil, "image_os_hash_value": nil,
	}
	if a.Host.BootMode == "UEFISecureBoot" {
		i["capabilities"] = values{"secure_boot": "true"}
	}
	if a.RootDevice == nil {
		i["root_device"] = values{}
	}
	if a.Image.live() {
		i["boot_iso"] = a.Image.URL
		return i
	}
	if a.Image.URL == "" {
		return i
	}
	i["image_source"] = a.Image.URL
	if a.Image.Format != "" {
		i["image_disk_format"] = a.Image.Format
	}
	if a.Image.ChecksumType == "" {
		i["image_checksum"] = a.Image.Checksum
	} else {
		i["image_os_hash_algo"], i["image_os_hash_value"] = a.Image.ChecksumType, a.Image.Checksum
	}
	return i
}

func (a provisionArgs) patch(n node) *patch {
	p := (&patch{}).
		top("instance_uuid", n.InstanceUUID, a.Host.UID).
		section("instance_info", n.InstanceInfo, a.instance())
	switch {
	case a.CustomDeploy != "":
		return p.top("deploy_interface", n.DeployInterface, "custom-agent")
	case a.Image.live():
		p.top("deploy_interface", n.DeployInterface, "ramdisk")
	case n.DeployInterface == "ramdisk" || n.DeployInterface == "custom-agent":
		p.top("deploy_interface", n.DeployInterface, nil)
	}
	return p.section("driver_info", n.DriverInfo, values{"force_persistent_boot_device": "Default"})
}

func (a provisionArgs) sameImage(n node) bool {
	for key, wanted := range a.instance() {
		if (strings.HasPrefix(key, "image_") && key != "image_disk_format" || key == "boot_iso") && !same(n.InstanceInfo[key], wanted) {
			return false
		}
	}
	return true
}

func (o operator) deploy(n node, a provisionArgs) (outcome, error) {
	n, ok, result, err := o.update(n, a.patch(n))
	if !ok {
		return result, err
	}
	valid, err := nodes.Validate(o.ServiceClient, n.UUID).Extract()
	if err != nil {
		return orBusy(err)
	}
	problems := []string{}
	for _, each := range []nodes.DriverValidation{valid.Boot, valid.Deploy} {
		if !each.Result {
			problems = append(problems, each.Reason)
		}
	}
	if len(problems) > 0 {
		return failed("host validation error: " + strings.Join(problems, "; "))
	}
	v := verb{Target: string(nodes.TargetActive), ConfigDrive: a.ConfigDrive}
	if a.CustomDeploy != "" {
		v.DeploySteps = []deployStep{{Interface: "deploy", Step: a.CustomDeploy, Args: values{}, Priority: 80}}
	}
	return o.provision(n, v)
}

func (o operator) deployImage(a provisionArgs) (outcome, error) {
	n, err := o.known(a.Host)
	if err != nil {
		return outcome{}, err
	}
	switch n.state() {
	case nodes.DeployFail:
		if a.sameImage(n) {
			return failed("Image provisioning failed: " + n.LastError)
		}
		return o.deploy(n, a)
	case nodes.Manageable:
		return o.provision(n, verb{Target: string(nodes.TargetProvide)})
	case nodes.CleanFail:
		return o.provision(n, verb{Target: string(nodes.TargetManage)})
	case nodes.Available:
		return o.deploy(n, a)
	case nodes.Active:
		return complete()
	case nodes.DeployWait:
		if a.ForceReboot {
			return o.provision(n, verb{Target: string(nodes.TargetDeleted)})
		}
	}
	return goesOn(busyDelay)
}

type lifeArgs struct {
	Host host
	// Restart after a failure.
	Restart bool
}

// adopt takes over a host whose instance is there already.
func (o operator) adopt(a lifeArgs) (outcome, error) {
	n, err := o.known(a.Host)
	if err != nil {
		return outcome{}, err
	}
	switch n.state() {
	case nodes.Manageable:
		return o.provision(n, verb{Target: string(nodes.TargetAdopt)})
	case nodes.Adopting:
		return goesOn(busyDelay)
	case nodes.AdoptFail:
		if a.Restart {
			return o.provision(n, verb{Target: string(nodes.TargetAdopt)})
		}
		return failed("Host adoption failed: " + n.LastError)
	case nodes.Active:
		if n.Maintenance && n.Fault == "" {
			return o.maintenance(n, "")
		}
	}
	return complete()
}

func (o operator) deprovision(a lifeArgs) (outcome, error) {
	n, err := o.known(a.Host)
	if err != nil {
		return outcome{}, err
	}
	switch n.state() {
	case nodes.Available:
		return complete()
	case nodes.Active, nodes.DeployFail, nodes.DeployWait:
		return o.provision(n, verb{Target: string(nodes.TargetDeleted)})
	case nodes.Manageable:
		return o.provision(n, verb{Target: string(nodes.TargetProvide)})
	case nodes.CleanFail, nodes.Error:
		if !a.Restart {
			return failed(n.LastError)
		}
		target := map[nodes.ProvisionState]nodes.TargetProvisionState{
			nodes.CleanFail: nodes.TargetManage, nodes.Error: nodes.TargetDeleted,
		}[n.state()]
		return o.provision(n, verb{Target: string(target)})
	case nodes.Deleting, nodes.Cleaning, nodes.CleanWait, nodes.Deploying:
		return goesOn(busyDelay)
	}
	return failed("unhandled ironic state " + n.ProvisionState)
}

// remove deletes the node: it is done when the node is not there any more. What is neither available nor manageable is put into maintenance first.
func (o operator) remove(h host) (outcome, error) {
	n, err := o.known(h)
	if err == errUnknown {
		return complete()
	}
	if err != nil {
		return outcome{}, err
	}
	if n.state() == nodes.Available || n.state() == nodes.Manageable {
		if n.InstanceUUID != "" {
			if _, ok, result, err := o.update(n, (&patch{}).top("instance_uuid", n.InstanceUUID, nil)); !ok {
				return result, err
			}
		}
	} else if !n.Maintenance {
		return o.maintenance(n, "forcing deletion in baremetal-operator")
	}
	if err := nodes.Delete(o.ServiceClient, n.UUID).ExtractErr(); err != nil && !is(err, 404) {
		return orBusy(err)
	}
	return goesOn(0)
}

func init() {
	type client = *gophercloud.ServiceClient
	offer(map[string]call{
		"metal3.adopt":       with(func(c client, a lifeArgs) (interface{}, error) { return operator{c}.adopt(a) }),
		"metal3.provision":   with(func(c client, a provisionArgs) (interface{}, error) { return operator{c}.deployImage(a) }),
		"metal3.deprovision": with(func(c client, a lifeArgs) (interface{}, error) { return operator{c}.deprovision(a) }),
		"metal3.delete":      with(func(c client, h lifeArgs) (interface{}, error) { return operator{c}.remove(h.Host) }),
	})
}
