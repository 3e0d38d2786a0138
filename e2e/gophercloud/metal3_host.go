package main

// What baremetal-operator knows of a host, how it finds the host's node, and how a turn of its work ends. Looked up in its pkg/provisioner/ironic:
// ironic.go, register.go, clients/features.go, clients/updateopts.go.

import (
	"errors"
	"time"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/nodes"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/ports"
)

type values = map[string]interface{}

type host struct {
	Namespace, Name string
	// UID of the host's object, which becomes the instance's.
	UID string
	// ID of the node, when it is known.
	ID string
	// MAC of the card that boots.
	MAC string
	// What the scheme of the BMC's address stands for: driver, interfaces (each `xxx_interface`), driver_info.
	Driver     string
	Interfaces map[string]string
	DriverInfo values
	BootMode   string
	Arch       string
	// DeployImage is deploy_kernel and deploy_ramdisk, or deploy_iso.
	DeployImage     values
	NetworkData     values
	AutomatedClean  bool
	DisablePowerOff bool
}

func (h host) nodeName() string { return h.Namespace + "~" + h.Name }

// node is gophercloud's with what its newer versions read.
type node struct {
	nodes.Node
	AutomatedClean       *bool      `json:"automated_clean"`
	BIOSInterface        string     `json:"bios_interface"`
	FirmwareInterface    string     `json:"firmware_interface"`
	DisablePowerOff      bool       `json:"disable_power_off"`
	NetworkData          values     `json:"network_data"`
	ServiceStep          values     `json:"service_step"`
	Retired              bool       `json:"retired"`
	CreatedAt            time.Time  `json:"created_at"`
	UpdatedAt            time.Time  `json:"updated_at"`
	ProvisionUpdatedAt   time.Time  `json:"provision_updated_at"`
	InspectionStartedAt  *time.Time `json:"inspection_started_at"`
	InspectionFinishedAt *time.Time `json:"inspection_finished_at"`
}

func (n node) state() nodes.ProvisionState { return nodes.ProvisionState(n.ProvisionState) }

// outcome of a turn. Dirty: there is more to do, in Delay seconds. Problem: it is over, and a person must look.
type outcome struct {
	ID      string      `json:"id,omitempty"`
	Dirty   bool        `json:"dirty"`
	Delay   int         `json:"delay"`
	Problem string      `json:"problem,omitempty"`
	Started bool        `json:"started"`
	Details interface{} `json:"details,omitempty"`
}

const (
	busyDelay    = 10
	inspectDelay = 15
)

func complete() (outcome, error)             { return outcome{}, nil }
func goesOn(delay int) (outcome, error)      { return outcome{Dirty: true, Delay: delay}, nil }
func failed(problem string) (outcome, error) { return outcome{Problem: problem}, nil }

// orBusy is how the operator takes every refusal: one with 409 is tried again later.
func orBusy(err error) (outcome, error) {
	if is(err, 409) {
		return goesOn(busyDelay)
	}
	return outcome{}, err
}

type operator struct{ *gophercloud.ServiceClient }

var errUnknown = errors.New("the host needs to be registered")

func (o operator) get(ident string) (n node, err error) {
	err = nodes.Get(o.ServiceClient, ident).ExtractInto(&n)
	return n, err
}

// known is the node of a host that was registered.
func (o operator) known(h host) (node, error) {
	if h.ID == "" {
		return node{}, errUnknown
	}
	n, err := o.get(h.ID)
	if is(err, 404) {
		return n, errUnknown
	}
	return n, err
}

// find looks for the node by its ID, by its name, by the name that it had in older versions, and by the MAC. Nil: there is none.
func (o operator) find(h host) (*node, error) {
	n, err := o.known(h)
	if err == nil {
		return &n, nil
	}
	if !errors.Is(err, errUnknown) {
		return nil, err
	}
	for _, name := range []string{h.nodeName(), h.Name} {
		n, err := o.get(name)
		if err == nil {
			return &n, nil
		}
		if !is(err, 404) {
			return nil, err
		}
	}
	found, err := o.portsOf(ports.ListOpts{Address: h.MAC})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	n, err = o.get(found[0].NodeUUID)
	if err == nil && n.Name != "" {
		return nil, errors.New("MAC address " + h.MAC + " conflicts with existing node " + n.Name)
	}
	return &n, err
}

func (o operator) portsOf(opts ports.ListOpts) ([]ports.Port, error) {
	opts.Fields = []string{"node_uuid"}
	page, err := ports.List(o.ServiceClient, opts).AllPages()
	if err != nil {
		return nil, err
	}
	return ports.ExtractPorts(page)
}
