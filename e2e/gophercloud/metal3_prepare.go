package main

// RAID, BIOS settings and firmware, before a deployment (clean steps) and while the instance is there (service steps).

import (
	"time"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/nodes"
)

type prepareArgs struct {
	Host host
	// Unprepared: there is something to do that has not been started.
	Unprepared bool
	// Restart after a failure.
	Restart bool
	// RAID that is wanted, with the interface that makes it.
	RAIDInterface string
	LogicalDisks  []nodes.LogicalDisk
	// Settings are lists of {name, value}, Updates of {component, url}.
	Settings []values
	Updates  []values
	// KernelParams of the ramdisk, in servicing.
	KernelParams string
}

func (a prepareArgs) steps(raid bool) (steps []step) {
	if raid && len(a.LogicalDisks) > 0 {
		steps = append(steps, step{Interface: "raid", Step: "delete_configuration"})
		if a.RAIDInterface == "agent" {
			steps = append(steps, step{Interface: "deploy", Step: "erase_devices_metadata"})
		}
		steps = append(steps, step{Interface: "raid", Step: "create_configuration"})
	}
	if len(a.Settings) > 0 {
		steps = append(steps, step{Interface: "bios", Step: "apply_configuration", Args: values{"settings": a.Settings}})
	}
	if len(a.Updates) > 0 {
		steps = append(steps, step{Interface: "firmware", Step: "update", Args: values{"settings": a.Updates}})
	}
	return steps
}

func (o operator) prepare(a prepareArgs) (outcome, error) {
	n, err := o.known(a.Host)
	if err != nil {
		return outcome{}, err
	}
	steps := a.steps(true)
	switch n.state() {
	case nodes.Available:
		if a.Unprepared && len(steps) > 0 {
			result, err := o.provision(n, verb{Target: string(nodes.TargetManage)})
			result.Started = false
			return result, err
		}
		return outcome{Started: a.Unprepared}, nil
	case nodes.Manageable:
		if !a.Unprepared || len(steps) == 0 {
			return outcome{Started: a.Unprepared}, nil
		}
		if len(a.LogicalDisks) > 0 {
			p := (&patch{}).top("raid_interface", n.RAIDInterface, a.RAIDInterface)
			if _, ok, result, err := o.update(n, p); !ok {
				return result, err
			}
			opts := nodes.RAIDConfigOpts{LogicalDisks: a.LogicalDisks}
			if err := nodes.SetRAIDConfig(o.ServiceClient, n.UUID, opts).ExtractErr(); err != nil {
				return outcome{}, err
			}
		}
		return o.provision(n, verb{Target: string(nodes.TargetClean), CleanSteps: steps})
	case nodes.CleanFail:
		if !a.Restart {
			return failed(n.LastError)
		}
		return o.provision(n, verb{Target: string(nodes.TargetManage)})
	case nodes.Cleaning, nodes.CleanWait:
		return goesOn(busyDelay)
	}
	return failed("unexpected provision state " + n.ProvisionState)
}

func (o operator) service(a prepareArgs) (outcome, error) {
	n, err := o.known(a.Host)
	if err != nil {
		return outcome{}, err
	}
	switch n.ProvisionState {
	case "service failed":
		if !a.Restart {
			return failed(n.LastError)
		}
		if n.Maintenance {
			return o.maintenance(n, "")
		}
		return o.startService(n, a)
	case "active":
		if a.Unprepared {
			return o.startService(n, a)
		}
		return complete()
	case "servicing", "service wait":
		return goesOn(busyDelay)
	}
	return failed("unexpected provision state " + n.ProvisionState)
}

func (o operator) startService(n node, a prepareArgs) (outcome, error) {
	p := &patch{}
	if a.KernelParams != "" {
		p.section("driver_info", n.DriverInfo, values{"kernel_append_params": a.KernelParams})
	}
	n, ok, result, err := o.update(n, p)
	if steps := a.steps(false); ok && len(steps) > 0 {
		return o.provision(n, verb{Target: "service", ServiceSteps: steps})
	}
	return result, err
}

// setting of the BIOS with its schema (1.74).
type setting struct {
	Name            string   `json:"name"`
	Value           string   `json:"value"`
	AttributeType   string   `json:"attribute_type"`
	AllowableValues []string `json:"allowable_values"`
	LowerBound      *int     `json:"lower_bound"`
	UpperBound      *int     `json:"upper_bound"`
	MinLength       *int     `json:"min_length"`
	MaxLength       *int     `json:"max_length"`
	ReadOnly        *bool    `json:"read_only"`
	ResetRequired   *bool    `json:"reset_required"`
	Unique          *bool    `json:"unique"`
}

// component of the firmware (1.86).
type component struct {
	Component          string     `json:"component"`
	InitialVersion     string     `json:"initial_version"`
	CurrentVersion     string     `json:"current_version"`
	LastVersionFlashed string     `json:"last_version_flashed"`
	CreatedAt          time.Time  `json:"created_at"`
	UpdatedAt          *time.Time `json:"updated_at"`
}

func init() {
	type client = *gophercloud.ServiceClient
	offer(map[string]call{
		"metal3.prepare": with(func(c client, a prepareArgs) (interface{}, error) { return operator{c}.prepare(a) }),
		"metal3.service": with(func(c client, a prepareArgs) (interface{}, error) { return operator{c}.service(a) }),
		"metal3.settings": with(func(c client, id string) (interface{}, error) {
			var found struct {
				Settings []setting `json:"bios"`
			}
			err := operator{c}.read(id, &found, "bios?detail=true")
			return found.Settings, err
		}),
		"metal3.firmware": with(func(c client, id string) (interface{}, error) {
			var found struct {
				Components []component `json:"firmware"`
			}
			err := operator{c}.read(id, &found, "firmware")
			return found.Components, err
		}),
	})
}
