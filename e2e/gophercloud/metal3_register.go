package main

// From nothing to a node that is manageable, as often as it is asked for.

import (
	"strings"

	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/drivers"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/nodes"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/ports"
	"github.com/gophercloud/gophercloud/pagination"
)

// ready finds out which version the server has, takes the best that it knows, and counts the drivers: one at least means that a conductor is there.
func (o operator) ready() (values, error) {
	var root struct {
		Version struct {
			Max string `json:"version"`
		} `json:"version"`
	}
	if _, err := o.Get(o.Endpoint, &root, nil); err != nil {
		return nil, err
	}
	o.Microversion = newestOf(root.Version.Max)
	count := 0
	err := drivers.ListDrivers(o.ServiceClient, drivers.ListDriversOpts{}).EachPage(func(page pagination.Page) (bool, error) {
		found, err := drivers.ExtractDrivers(page)
		count += len(found)
		return true, err
	})
	return values{"microversion": o.Microversion, "drivers": count}, err
}

// newestOf the versions that have something for the operator, up to what the server has.
func newestOf(max string) string {
	best := ""
	for _, known := range []string{"1.89", "1.93", "1.95", "1.109", "1.110"} {
		if len(known) < len(max) || len(known) == len(max) && known <= max {
			best = known
		}
	}
	return best
}

type createOpts struct {
	nodes.CreateOpts
	more values
}

func (c createOpts) ToNodeCreateMap() (map[string]interface{}, error) {
	body, err := c.CreateOpts.ToNodeCreateMap()
	for key, value := range c.more {
		body[key] = value
	}
	return body, err
}

func (o operator) enrol(h host) (n node, err error) {
	more := values{"disable_power_off": h.DisablePowerOff}
	for name, value := range h.Interfaces {
		more[name] = value
	}
	opts := createOpts{nodes.CreateOpts{
		Driver:     h.Driver,
		Name:       h.nodeName(),
		DriverInfo: h.DriverInfo,
		Properties: values{"capabilities": capabilities(nil, h.BootMode), "cpu_arch": h.Arch},
	}, more}
	if err = nodes.Create(o.ServiceClient, opts).ExtractInto(&n); err != nil || h.MAC == "" {
		return n, err
	}
	return n, o.addPort(n, h.MAC)
}

func (o operator) addPort(n node, mac string) error {
	enabled := true
	opts := ports.CreateOpts{NodeUUID: n.UUID, Address: mac, PXEEnabled: &enabled}
	return ports.Create(o.ServiceClient, opts).Err
}

// ensurePort makes the port of the boot MAC where the node has none and nobody has the address.
func (o operator) ensurePort(n node, mac string) error {
	for _, opts := range []ports.ListOpts{{NodeUUID: n.UUID}, {Address: mac}} {
		if found, err := o.portsOf(opts); err != nil || len(found) > 0 {
			return err
		}
	}
	return o.addPort(n, mac)
}

// capabilities keeps those that inspection found and replaces the boot mode.
func capabilities(current interface{}, bootMode string) string {
	kept := []string{}
	if text, ok := current.(string); ok && text != "" {
		for _, item := range strings.Split(text, ",") {
			if !strings.HasPrefix(item, "boot_mode:") && !strings.HasPrefix(item, "secure_boot:") {
				kept = append(kept, item)
			}
		}
	}
	wanted := map[string]string{"UEFI": "boot_mode:uefi", "UEFISecureBoot": "boot_mode:uefi,secure_boot:true", "legacy": "boot_mode:bios"}
	return strings.Join(append(kept, wanted[bootMode]), ",")
}

func (o operator) register(h host, newCredentials bool) (outcome, error) {
	found, err := o.find(h)
	if err != nil {
		return outcome{}, err
	}
	p := &patch{}
	var n node
	if found == nil {
		if n, err = o.enrol(h); err != nil {
			return orBusy(err)
		}
	} else {
		n = *found
		p.top("name", n.Name, h.nodeName()).top("disable_power_off", n.DisablePowerOff, h.DisablePowerOff)
		if err := o.ensurePort(n, h.MAC); err != nil {
			return outcome{}, err
		}
		if newCredentials {
			p.top("driver_info", n.DriverInfo, h.DriverInfo)
		}
		p.section("properties", n.Properties, values{"cpu_arch": h.Arch})
	}
	if h.NetworkData != nil {
		p.top("network_data", n.NetworkData, h.NetworkData)
	}
	n, ok, result, err := o.update(n, p)
	if ok {
		result, err = o.manage(h, n, newCredentials)
	}
	result.ID = n.UUID
	return result, err
}

func (o operator) manage(h host, n node, again bool) (outcome, error) {
	switch n.state() {
	case nodes.Enroll:
		if n.LastError != "" && !again {
			return failed(n.LastError)
		}
		if n.TargetProvisionState == string(nodes.TargetManage) {
			return goesOn(busyDelay)
		}
		return o.provision(n, verb{Target: string(nodes.TargetManage)})
	case nodes.Verifying:
		return goesOn(busyDelay)
	case nodes.CleanWait, nodes.Cleaning, nodes.DeployWait, nodes.Deploying, nodes.Inspecting:
		return complete()
	}
	p := (&patch{}).
		section("driver_info", n.DriverInfo, h.DeployImage).
		top("automated_clean", n.AutomatedClean, h.AutomatedClean).
		section("properties", n.Properties, values{
			"capabilities": capabilities(n.Properties["capabilities"], h.BootMode),
			"cpu_arch":     h.Arch,
		})
	_, _, result, err := o.update(n, p)
	return result, err
}
