package main

import (
	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/nodes"
)

type onNode[A any] struct {
	Node string
	With A
}

func patchOf(operations []nodes.UpdateOperation) nodes.UpdateOpts {
	patch := make(nodes.UpdateOpts, len(operations))
	for i, operation := range operations {
		patch[i] = operation
	}
	return patch
}

func init() {
	type client = *gophercloud.ServiceClient
	offer(map[string]call{
		"nodes.List": with(func(c client, opts nodes.ListOpts) (interface{}, error) {
			return readPages(nodes.List(c, opts), nodes.ExtractNodes)
		}),
		"nodes.ListDetail": with(func(c client, opts nodes.ListOpts) (interface{}, error) {
			return readPages(nodes.ListDetail(c, opts), nodes.ExtractNodes)
		}),
		"nodes.Get": with(func(c client, id string) (interface{}, error) {
			return nodes.Get(c, id).Extract()
		}),
		"nodes.Create": with(func(c client, opts nodes.CreateOpts) (interface{}, error) {
			return nodes.Create(c, opts).Extract()
		}),
		"nodes.Update": with(func(c client, on onNode[[]nodes.UpdateOperation]) (interface{}, error) {
			return nodes.Update(c, on.Node, patchOf(on.With)).Extract()
		}),
		"nodes.Delete": with(func(c client, id string) (interface{}, error) {
			return nil, nodes.Delete(c, id).ExtractErr()
		}),
		"nodes.Validate": with(func(c client, id string) (interface{}, error) {
			return nodes.Validate(c, id).Extract()
		}),
		"nodes.InjectNMI": with(func(c client, id string) (interface{}, error) {
			return nil, nodes.InjectNMI(c, id).ExtractErr()
		}),
		"nodes.SetBootDevice": with(func(c client, on onNode[nodes.BootDeviceOpts]) (interface{}, error) {
			return nil, nodes.SetBootDevice(c, on.Node, on.With).ExtractErr()
		}),
		"nodes.GetBootDevice": with(func(c client, id string) (interface{}, error) {
			return nodes.GetBootDevice(c, id).Extract()
		}),
		"nodes.GetSupportedBootDevices": with(func(c client, id string) (interface{}, error) {
			return nodes.GetSupportedBootDevices(c, id).Extract()
		}),
		"nodes.ChangeProvisionState": with(func(c client, on onNode[nodes.ProvisionStateOpts]) (interface{}, error) {
			return nil, nodes.ChangeProvisionState(c, on.Node, on.With).ExtractErr()
		}),
		"nodes.ChangePowerState": with(func(c client, on onNode[nodes.PowerStateOpts]) (interface{}, error) {
			return nil, nodes.ChangePowerState(c, on.Node, on.With).ExtractErr()
		}),
		"nodes.SetRAIDConfig": with(func(c client, on onNode[nodes.RAIDConfigOpts]) (interface{}, error) {
			return nil, nodes.SetRAIDConfig(c, on.Node, on.With).ExtractErr()
		}),
	})
}
