package main

// The workflow of the Terraform provider for Ironic (workflow.go there): asks for one state after another until a node is where it shall be.

import (
	"fmt"
	"time"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/nodes"
)

const (
	// Instead of the provider's 5 seconds.
	workflowPause = 25 * time.Millisecond
	busyPause     = 50 * time.Millisecond
	busyTries     = 40
	failedTries   = 3
	mostTurns     = 4000
)

type workflow struct {
	client      *gophercloud.ServiceClient
	uuid        string
	node        nodes.Node
	configDrive interface{}
	cleanSteps  []nodes.CleanStep
	retries     int
}

// next says what is asked for in a state: a target, nothing (wait), or it is there.
type next struct {
	target nodes.TargetProvisionState
	done   bool
	// retry: the state is a failure, after which it is tried a few times.
	retry bool
}

// Each target by state. What has no entry cannot go there; "" is any other state.
var ways = map[nodes.TargetProvisionState]map[string]next{
	nodes.TargetManage: {
		"manageable": {done: true}, "enroll": {target: nodes.TargetManage}, "available": {target: nodes.TargetManage}, "verifying": {},
		"adopt failed":   {target: nodes.TargetManage, retry: true},
		"clean failed":   {target: nodes.TargetManage, retry: true},
		"inspect failed": {target: nodes.TargetManage, retry: true},
	},
	nodes.TargetProvide: {
		"available": {done: true}, "cleaning": {}, "clean wait": {}, "manageable": {target: nodes.TargetProvide}, "verifying": {},
		"deploy failed": {target: nodes.TargetDeleted, retry: true}, "deleting": {},
		"enroll": {target: nodes.TargetManage}, "clean failed": {target: nodes.TargetManage, retry: true},
	},
	nodes.TargetActive: {
		"active": {done: true}, "deploying": {}, "wait call-back": {}, "available": {target: nodes.TargetActive},
		"cleaning": {}, "clean wait": {}, "manageable": {target: nodes.TargetProvide}, "verifying": {}, "deleting": {},
		"deploy failed": {target: nodes.TargetDeleted, retry: true}, "enroll": {target: nodes.TargetManage},
	},
	nodes.TargetDeleted: {
		"manageable": {done: true}, "available": {done: true}, "enroll": {done: true}, "cleaning": {}, "deleting": {},
		"active": {target: nodes.TargetDeleted}, "wait call-back": {target: nodes.TargetDeleted}, "error": {target: nodes.TargetDeleted},
		"deploy failed":  {target: nodes.TargetDeleted, retry: true},
		"inspect failed": {target: nodes.TargetManage}, "clean failed": {target: nodes.TargetManage},
	},
}

func (w *workflow) reload() error {
	w.node = nodes.Node{}
	return nodes.Get(w.client, w.uuid).ExtractInto(&w.node)
}

// to drives the node to where `target` leads.
func (w *workflow) to(target nodes.TargetProvisionState) error {
	w.retries = failedTries
	for turn := 0; turn < mostTurns; turn++ {
		if err := w.reload(); err != nil {
			return err
		}
		way, known := ways[target][w.node.ProvisionState]
		if !known || way.retry && w.retries == 0 {
			return fmt.Errorf("cannot go from %q to %q, last error was %q", w.node.ProvisionState, target, w.node.LastError)
		}
		if way.done {
			return nil
		}
		if way.retry {
			w.retries--
		}
		if way.target != "" {
			if err := w.change(way.target); err != nil {
				return err
			}
		}
		time.Sleep(workflowPause)
	}
	return fmt.Errorf("not %q after %d turns", target, mostTurns)
}

// through cleans or inspects: there and back to manageable. It looks at once, so that the state must have changed when the verb is answered.
func (w *workflow) through(target nodes.TargetProvisionState, while [2]string) error {
	if err := w.to(nodes.TargetManage); err != nil {
		return err
	}
	if target == nodes.TargetClean && len(w.cleanSteps) == 0 {
		return nil
	}
	if err := w.change(target); err != nil {
		return err
	}
	for turn := 0; turn < mostTurns; turn++ {
		if err := w.reload(); err != nil {
			return err
		}
		switch w.node.ProvisionState {
		case "manageable":
			return nil
		case while[0], while[1]:
			time.Sleep(workflowPause)
		default:
			return fmt.Errorf("could not %s, node is currently %q, last error was %q", target, w.node.ProvisionState, w.node.LastError)
		}
	}
	return fmt.Errorf("%s did not end in %d turns", target, mostTurns)
}

func (w *workflow) change(target nodes.TargetProvisionState) error {
	opts := nodes.ProvisionStateOpts{Target: target}
	switch target {
	case nodes.TargetActive:
		opts.ConfigDrive = w.configDrive
	case nodes.TargetClean:
		opts.CleanSteps = w.cleanSteps
	}
	return whileBusy(func() error { return nodes.ChangeProvisionState(w.client, w.uuid, opts).ExtractErr() })
}

// whileBusy tries again what is refused with 409.
func whileBusy(try func() error) (err error) {
	for tries := 0; tries < busyTries; tries++ {
		if err = try(); err == nil {
			return nil
		}
		if _, busy := err.(gophercloud.ErrDefault409); !busy {
			return err
		}
		time.Sleep(busyPause)
	}
	return err
}
