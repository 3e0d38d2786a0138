package main

// Resources of the Terraform provider for Ironic: what their create, read, update and delete ask for.

import (
	"fmt"
	"time"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/allocations"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/nodes"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/ports"
)

// nodeResource is a block "ironic_node_v1".
type nodeResource struct {
	ID string
	// Create has its strings and maps; root_device is merged into properties.
	Create     nodes.CreateOpts
	RootDevice values
	Ports      []ports.CreateOpts
	// What shall be done to it, in this order.
	Manage, Clean, Inspect, Available bool
	RAID                              []nodes.LogicalDisk
	CleanSteps                        []nodes.CleanStep
	TargetPowerState                  nodes.TargetPowerState
	PowerStateTimeout                 int
	// Changed string fields, with their new values.
	Changed map[string]string
}

type terraform struct{ *gophercloud.ServiceClient }

func (t terraform) createNode(r nodeResource) (*nodes.Node, error) {
	if r.Create.Properties == nil {
		r.Create.Properties = values{}
	}
	r.Create.Properties["root_device"] = r.RootDevice
	made, err := nodes.Create(t.ServiceClient, r.Create).Extract()
	if err != nil {
		return nil, err
	}
	r.ID = made.UUID
	for _, port := range r.Ports {
		port.NodeUUID = r.ID
		if _, err := ports.Create(t.ServiceClient, port).Extract(); err != nil {
			return nil, err
		}
	}
	return t.bring(r)
}

// bring does what the block says shall be done, after its creation or a change.
func (t terraform) bring(r nodeResource) (*nodes.Node, error) {
	w := &workflow{client: t.ServiceClient, uuid: r.ID, cleanSteps: r.CleanSteps}
	if r.Manage || r.Clean || r.Inspect {
		if err := w.to(nodes.TargetManage); err != nil {
			return nil, err
		}
	}
	if r.Clean {
		if err := t.setRAID(r); err != nil {
			return nil, err
		}
		if err := w.through(nodes.TargetClean, [2]string{"cleaning", "clean wait"}); err != nil {
			return nil, err
		}
	}
	if r.Inspect {
		if err := w.through(nodes.TargetInspect, [2]string{"inspecting", "inspect wait"}); err != nil {
			return nil, err
		}
	}
	if r.Available {
		if err := w.to(nodes.TargetProvide); err != nil {
			return nil, err
		}
	}
	if r.TargetPowerState != "" {
		if err := t.changePower(r); err != nil {
			return nil, err
		}
	}
	return nodes.Get(t.ServiceClient, r.ID).Extract()
}

func (t terraform) setRAID(r nodeResource) error {
	if len(r.RAID) == 0 {
		return nil
	}
	return nodes.SetRAIDConfig(t.ServiceClient, r.ID, nodes.RAIDConfigOpts{LogicalDisks: r.RAID}).ExtractErr()
}

// changePower waits until no target is left; when the first look finds none, it takes the change for done.
func (t terraform) changePower(r nodeResource) error {
	opts := nodes.PowerStateOpts{Target: r.TargetPowerState, Timeout: r.PowerStateTimeout}
	err := whileBusy(func() error { return nodes.ChangePowerState(t.ServiceClient, r.ID, opts).ExtractErr() })
	for turn := 0; err == nil && turn < mostTurns; turn++ {
		node, failure := nodes.Get(t.ServiceClient, r.ID).Extract()
		if failure != nil || node.TargetPowerState == "" {
			return failure
		}
		time.Sleep(workflowPause)
	}
	return err
}

func (t terraform) updateNode(r nodeResource) (*nodes.Node, error) {
	for field, value := range r.Changed {
		operation := nodes.UpdateOperation{Op: nodes.ReplaceOp, Path: "/" + field, Value: value}
		if err := t.patch(r.ID, operation); err != nil {
			return nil, err
		}
	}
	if r.Create.Properties != nil {
		r.Create.Properties["root_device"] = r.RootDevice
		if err := t.patch(r.ID, nodes.UpdateOperation{Op: nodes.AddOp, Path: "/properties", Value: r.Create.Properties}); err != nil {
			return nil, err
		}
	}
	return t.bring(r)
}

func (t terraform) patch(id string, operation nodes.UpdateOperation) error {
	return whileBusy(func() error { return nodes.Update(t.ServiceClient, id, nodes.UpdateOpts{operation}).Err })
}

func (t terraform) deleteNode(id string) error {
	if err := (&workflow{client: t.ServiceClient, uuid: id}).to(nodes.TargetDeleted); err != nil {
		return err
	}
	return nodes.Delete(t.ServiceClient, id).ExtractErr()
}

// createPort is a block "ironic_port_v1", read again; flags are always said.
func (t terraform) createPort(opts ports.CreateOpts) (*ports.Port, error) {
	no := false
	if opts.IsSmartNIC == nil {
		opts.IsSmartNIC = &no
	}
	made, err := ports.Create(t.ServiceClient, opts).Extract()
	if err != nil {
		return nil, err
	}
	return ports.Get(t.ServiceClient, made.UUID).Extract()
}

// createAllocation waits for its node; one in error is deleted again.
func (t terraform) createAllocation(opts allocations.CreateOpts) (*allocations.Allocation, error) {
	made, err := allocations.Create(t.ServiceClient, opts).Extract()
	for turn := 0; err == nil && made.State == string(allocations.Allocating) && turn < mostTurns; turn++ {
		time.Sleep(workflowPause)
		made, err = allocations.Get(t.ServiceClient, made.UUID).Extract()
	}
	if err == nil && made.State == allocations.Error {
		if err := t.deleteAllocation(made.UUID); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("error creating resource: %s", made.LastError)
	}
	return made, err
}

// deleteAllocation looks first: one that is gone is deleted.
func (t terraform) deleteAllocation(id string) error {
	_, err := allocations.Get(t.ServiceClient, id).Extract()
	if _, gone := err.(gophercloud.ErrDefault404); gone {
		return nil
	}
	return allocations.Delete(t.ServiceClient, id).ExtractErr()
}

type deployment struct {
	Node         string
	InstanceInfo values
	ConfigDrive  nodes.ConfigDrive
	// ISO: gzipped and in base64, for versions before 1.56, which take no object.
	ISO string
}

func (t terraform) deploy(d deployment) (*nodes.Node, error) {
	if err := t.patch(d.Node, nodes.UpdateOperation{Op: nodes.AddOp, Path: "/instance_info", Value: d.InstanceInfo}); err != nil {
		return nil, err
	}
	w := &workflow{client: t.ServiceClient, uuid: d.Node, configDrive: &d.ConfigDrive}
	if d.ISO != "" {
		w.configDrive = d.ISO
	}
	if err := w.to(nodes.TargetActive); err != nil {
		return nil, err
	}
	return nodes.Get(t.ServiceClient, d.Node).Extract()
}

func init() {
	type client = *gophercloud.ServiceClient
	offer(map[string]call{
		"terraform.createNode":       with(func(c client, r nodeResource) (interface{}, error) { return terraform{c}.createNode(r) }),
		"terraform.createPort":       with(func(c client, o ports.CreateOpts) (interface{}, error) { return terraform{c}.createPort(o) }),
		"terraform.updateNode":       with(func(c client, r nodeResource) (interface{}, error) { return terraform{c}.updateNode(r) }),
		"terraform.deleteNode":       with(func(c client, id string) (interface{}, error) { return nil, terraform{c}.deleteNode(id) }),
		"terraform.deploy":           with(func(c client, d deployment) (interface{}, error) { return terraform{c}.deploy(d) }),
		"terraform.deleteAllocation": with(func(c client, id string) (interface{}, error) { return nil, terraform{c}.deleteAllocation(id) }),
		"terraform.createAllocation": with(func(c client, o allocations.CreateOpts) (interface{}, error) {
			return terraform{c}.createAllocation(o)
		}),
		"terraform.deleteDeployment": with(func(c client, id string) (interface{}, error) {
			return nil, (&workflow{client: c, uuid: id}).to(nodes.TargetDeleted)
		}),
	})
}
