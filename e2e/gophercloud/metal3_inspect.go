package main

// Inspection, and what is read of its inventory.

import (
	"strings"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/drivers"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/nodes"
	"github.com/gophercloud/gophercloud/openstack/baremetalintrospection/v1/introspection"
)

// inventory has gophercloud's types, with what its newer versions read.
type inventory struct {
	Inventory struct {
		introspection.InventoryType
		Interfaces   []nic `json:"interfaces"`
		SystemVendor struct {
			introspection.SystemVendorType
			Firmware struct {
				Vendor    string `json:"vendor"`
				Version   string `json:"version"`
				BuildDate string `json:"build_date"`
			} `json:"firmware"`
		} `json:"system_vendor"`
	} `json:"inventory"`
	PluginData struct {
		AllInterfaces   map[string]processedNIC `json:"all_interfaces"`
		ValidInterfaces map[string]processedNIC `json:"valid_interfaces"`
		BootInterface   string                  `json:"boot_interface"`
		Configuration   struct {
			Collectors []string `json:"collectors"`
			Managers   []struct {
				Name    string `json:"name"`
				Version string `json:"version"`
			} `json:"managers"`
		} `json:"configuration"`
		Error        string                                 `json:"error"`
		Extra        introspection.ExtraHardwareDataType    `json:"extra"`
		MACs         []string                               `json:"macs"`
		NUMATopology introspection.NUMATopology             `json:"numa_topology"`
		ParsedLLDP   map[string]values                      `json:"parsed_lldp"`
		RawLLDP      map[string][]introspection.LLDPTLVType `json:"lldp_raw"`
		RootDisk     introspection.RootDiskType             `json:"root_disk"`
	} `json:"plugin_data"`
}

type nic struct {
	introspection.InterfaceType
	SpeedMbps int `json:"speed_mbps"`
}

type processedNIC struct {
	nic
	PXEEnabled bool `json:"pxe_enabled"`
}

// inspectInterface is what older versions of the operator ask the driver for before they enrol a node.
func (o operator) inspectInterface(driver string) (string, error) {
	details, err := drivers.GetDriverDetails(o.ServiceClient, driver).Extract()
	if err != nil {
		return "", err
	}
	for _, each := range details.EnabledInspectInterfaces {
		if each == "agent" {
			return each, nil
		}
	}
	return "inspector", nil
}

type inspectArgs struct {
	Host host
	// Again though there is an inventory, or after a failure.
	Refresh, Restart bool
	// ForceReboot ends one that waits for its agent: there is a newer image for it.
	ForceReboot bool
}

func (o operator) inspect(a inspectArgs) (outcome, error) {
	n, err := o.known(a.Host)
	if err != nil {
		return outcome{}, err
	}
	// An inspection that the operator ended itself is no failure of the host.
	if n.state() == nodes.InspectFail && strings.Contains(n.LastError, "aborted") {
		a.Restart = true
	}
	switch n.state() {
	case nodes.Available:
		return o.provision(n, verb{Target: string(nodes.TargetManage)})
	case nodes.InspectWait:
		if a.ForceReboot {
			return o.provision(n, verb{Target: string(nodes.TargetAbort)})
		}
		return goesOn(inspectDelay)
	case nodes.Inspecting:
		return goesOn(inspectDelay)
	case nodes.InspectFail:
		if !a.Restart {
			return failed(n.LastError)
		}
		return o.startInspection(a.Host, n)
	case nodes.Manageable:
		if a.Refresh {
			return o.startInspection(a.Host, n)
		}
	default:
		return failed("unexpected provision state " + n.ProvisionState)
	}
	var found inventory
	if err := o.read(n.UUID, &found, "inventory"); err != nil {
		if is(err, 404) {
			return o.startInspection(a.Host, n)
		}
		return outcome{}, err
	}
	return outcome{Details: found}, nil
}

func (o operator) startInspection(h host, n node) (outcome, error) {
	p := (&patch{}).section("properties", n.Properties, values{
		"capabilities": capabilities(n.Properties["capabilities"], h.BootMode),
	})
	n, ok, result, err := o.update(n, p)
	if !ok {
		return result, err
	}
	return o.provision(n, verb{Target: string(nodes.TargetInspect)})
}

func init() {
	type client = *gophercloud.ServiceClient
	offer(map[string]call{
		"metal3.ready": with(func(c client, _ struct{}) (interface{}, error) { return operator{c}.ready() }),
		"metal3.register": with(func(c client, a struct {
			Host           host
			NewCredentials bool
		}) (interface{}, error) {
			return operator{c}.register(a.Host, a.NewCredentials)
		}),
		"metal3.inspectInterface": with(func(c client, driver string) (interface{}, error) {
			return operator{c}.inspectInterface(driver)
		}),
		"metal3.inspect": with(func(c client, a inspectArgs) (interface{}, error) { return operator{c}.inspect(a) }),
	})
}
