package main

// Power, data images, subscriptions to events of the BMC, and how many hosts are busy.

import (
	"fmt"
	"strings"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/nodes"
)

const softSeconds = 180

func (o operator) changePower(n node, target nodes.TargetPowerState) (outcome, error) {
	if n.TargetProvisionState != "" {
		return goesOn(busyDelay)
	}
	opts := nodes.PowerStateOpts{Target: target}
	if target == nodes.SoftPowerOff {
		opts.Timeout = softSeconds
	}
	if err := nodes.ChangePowerState(o.ServiceClient, n.UUID, opts).ExtractErr(); err != nil {
		return orBusy(err)
	}
	return goesOn(0)
}

type powerArgs struct {
	Host host
	// Soft asks the operating system; Force is hard, whatever the last error was.
	Soft, Force bool
}

func (o operator) powerOn(a powerArgs) (outcome, error) {
	n, err := o.known(a.Host)
	if err != nil || n.PowerState == string(nodes.PowerOn) {
		return outcome{}, err
	}
	if n.TargetPowerState == string(nodes.PowerOn) {
		return goesOn(busyDelay)
	}
	if n.LastError != "" && !a.Force {
		return failed("PowerOn operation failed: " + n.LastError)
	}
	return o.changePower(n, nodes.PowerOn)
}

func (o operator) powerOff(a powerArgs) (outcome, error) {
	n, err := o.known(a.Host)
	if err != nil || n.PowerState == string(nodes.PowerOff) {
		return outcome{}, err
	}
	if n.TargetPowerState == string(nodes.PowerOff) || n.TargetPowerState == string(nodes.SoftPowerOff) {
		return goesOn(busyDelay)
	}
	if n.TargetPowerState == "" && n.LastError != "" && !a.Force {
		return failed(n.LastError)
	}
	soft, hard := nodes.SoftPowerOff, nodes.PowerOff
	if n.DisablePowerOff {
		soft, hard = nodes.SoftRebooting, nodes.Rebooting
	}
	if a.Soft && !a.Force {
		result, err := o.changePower(n, soft)
		// 400: this driver has nothing soft.
		if !is(err, 400) {
			return result, err
		}
	}
	return o.changePower(n, hard)
}

// busyHosts are those that load their ramdisk over the network; the names are in one argument, with commas.
func (o operator) busyHosts() ([]string, error) {
	opts := nodes.ListOpts{Fields: []string{"uuid,name,provision_state,boot_interface"}}
	page, err := nodes.List(o.ServiceClient, opts).AllPages()
	if err != nil {
		return nil, err
	}
	all, err := nodes.ExtractNodes(page)
	busy := []string{}
	for _, n := range all {
		switch nodes.ProvisionState(n.ProvisionState) {
		case nodes.Cleaning, nodes.CleanWait, nodes.Inspecting, nodes.InspectWait, nodes.Deploying, nodes.DeployWait, nodes.Deleting:
			if !strings.Contains(n.BootInterface, "virtual-media") {
				busy = append(busy, n.Name)
			}
		}
	}
	return busy, err
}

// isDataImageIn asks the machine, but not one that is busy.
func (o operator) isDataImageIn(h host) (bool, error) {
	n, err := o.known(h)
	if err != nil {
		return false, err
	}
	if n.Reservation != "" {
		return false, fmt.Errorf("node %s is busy", n.UUID)
	}
	var media []medium
	err = o.read(n.UUID, &media, "vmedia")
	for _, each := range media {
		if each.Inserted {
			return true, err
		}
	}
	return false, err
}

func init() {
	type client = *gophercloud.ServiceClient
	type about struct {
		ID, URL string
		Body    values
	}
	offer(map[string]call{
		"metal3.powerOn":       with(func(c client, a powerArgs) (interface{}, error) { return operator{c}.powerOn(a) }),
		"metal3.powerOff":      with(func(c client, a powerArgs) (interface{}, error) { return operator{c}.powerOff(a) }),
		"metal3.busyHosts":     with(func(c client, _ struct{}) (interface{}, error) { return operator{c}.busyHosts() }),
		"metal3.isDataImageIn": with(func(c client, a lifeArgs) (interface{}, error) { return operator{c}.isDataImageIn(a.Host) }),
		"metal3.media": with(func(c client, id string) (interface{}, error) {
			var media []medium
			err := operator{c}.read(id, &media, "vmedia")
			return media, err
		}),
		"metal3.attach":        with(func(c client, a about) (interface{}, error) { return nil, operator{c}.attach(a.ID, a.URL) }),
		"metal3.detach":        with(func(c client, id string) (interface{}, error) { return nil, operator{c}.detach(id) }),
		"metal3.subscribe":     with(func(c client, a about) (interface{}, error) { return operator{c}.subscribe(a.ID, a.Body) }),
		"metal3.subscriptions": with(func(c client, id string) (interface{}, error) { return operator{c}.subscriptions(id) }),
		"metal3.subscription":  with(func(c client, a about) (interface{}, error) { return operator{c}.subscriptionOf(a.ID, a.URL) }),
		"metal3.unsubscribe":   with(func(c client, a about) (interface{}, error) { return nil, operator{c}.unsubscribe(a.ID, a.URL) }),
	})
}
