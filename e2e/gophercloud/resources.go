package main

// Ports, allocations, drivers; and conductors, for which this gophercloud has no package yet.

import (
	"fmt"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/allocations"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/drivers"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/ports"
	"github.com/gophercloud/gophercloud/pagination"
)

type portPatch struct {
	Port string
	With []ports.UpdateOperation
}

func (p portPatch) opts() ports.UpdateOpts {
	patch := make(ports.UpdateOpts, len(p.With))
	for i, operation := range p.With {
		patch[i] = operation
	}
	return patch
}

type conductor struct {
	Hostname string `json:"hostname"`
	Alive    bool   `json:"alive"`
}

type conductorPage struct {
	pagination.LinkedPageBase
}

func conductorsOf(page pagination.Page) (found []conductor, err error) {
	err = page.(conductorPage).Result.ExtractIntoSlicePtr(&found, "conductors")
	return found, err
}

func (p conductorPage) IsEmpty() (bool, error) {
	found, err := conductorsOf(p)
	return len(found) == 0, err
}

// NextPageURL reads the links as gophercloud does for every resource of bare metal.
func (p conductorPage) NextPageURL() (string, error) {
	var body struct {
		Links []gophercloud.Link `json:"conductors_links"`
	}
	if err := p.ExtractInto(&body); err != nil {
		return "", err
	}
	return gophercloud.ExtractNextURL(body.Links)
}

func init() {
	type client = *gophercloud.ServiceClient
	offer(map[string]call{
		"ports.List": with(func(c client, opts ports.ListOpts) (interface{}, error) {
			return readPages(ports.List(c, opts), ports.ExtractPorts)
		}),
		"ports.ListDetail": with(func(c client, opts ports.ListOpts) (interface{}, error) {
			return readPages(ports.ListDetail(c, opts), ports.ExtractPorts)
		}),
		"ports.Get": with(func(c client, id string) (interface{}, error) {
			return ports.Get(c, id).Extract()
		}),
		"ports.Create": with(func(c client, opts ports.CreateOpts) (interface{}, error) {
			return ports.Create(c, opts).Extract()
		}),
		"ports.Update": with(func(c client, patch portPatch) (interface{}, error) {
			return ports.Update(c, patch.Port, patch.opts()).Extract()
		}),
		"ports.Delete": with(func(c client, id string) (interface{}, error) {
			return nil, ports.Delete(c, id).ExtractErr()
		}),
		"allocations.List": with(func(c client, opts allocations.ListOpts) (interface{}, error) {
			return readPages(allocations.List(c, opts), allocations.ExtractAllocations)
		}),
		"allocations.Get": with(func(c client, id string) (interface{}, error) {
			return allocations.Get(c, id).Extract()
		}),
		"allocations.Create": with(func(c client, opts allocations.CreateOpts) (interface{}, error) {
			return allocations.Create(c, opts).Extract()
		}),
		"allocations.Delete": with(func(c client, id string) (interface{}, error) {
			return nil, allocations.Delete(c, id).ExtractErr()
		}),
		"drivers.ListDrivers": with(func(c client, opts drivers.ListDriversOpts) (interface{}, error) {
			return readPages(drivers.ListDrivers(c, opts), drivers.ExtractDrivers)
		}),
		"drivers.GetDriverDetails": with(func(c client, name string) (interface{}, error) {
			return drivers.GetDriverDetails(c, name).Extract()
		}),
		"drivers.GetDriverProperties": with(func(c client, name string) (interface{}, error) {
			return drivers.GetDriverProperties(c, name).Extract()
		}),
		"drivers.GetDriverDiskProperties": with(func(c client, name string) (interface{}, error) {
			return drivers.GetDriverDiskProperties(c, name).Extract()
		}),
		"conductors": with(func(c client, limit int) (interface{}, error) {
			first := c.ServiceURL("conductors") + fmt.Sprintf("?limit=%d", limit)
			pager := pagination.NewPager(c, first, func(r pagination.PageResult) pagination.Page {
				return conductorPage{pagination.LinkedPageBase{PageResult: r}}
			})
			return readPages(pager, conductorsOf)
		}),
	})
}
