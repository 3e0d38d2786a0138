package main

// How baremetal-operator changes a node: by the differences only, `add` for what is new or other, `remove` for what is there and shall not be.

import (
	"encoding/json"

	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/nodes"
)

type patch struct{ operations nodes.UpdateOpts }

// section makes the wanted values those of driver_info, instance_info or properties; nil: the value shall not be there.
func (p *patch) section(name string, current, wanted values) *patch {
	for key, value := range wanted {
		path := "/" + name + "/" + key
		if name == "" {
			path = "/" + key
		}
		is, there := current[key]
		switch {
		case value == nil && there:
			p.operations = append(p.operations, nodes.UpdateOperation{Op: nodes.RemoveOp, Path: path})
		case value != nil && !(there && same(is, value)):
			p.operations = append(p.operations, nodes.UpdateOperation{Op: nodes.AddOp, Path: path, Value: value})
		}
	}
	return p
}

// top is a field of the node itself.
func (p *patch) top(name string, current, wanted interface{}) *patch {
	return p.section("", values{name: current}, values{name: wanted})
}

func same(a, b interface{}) bool {
	left, _ := json.Marshal(a)
	right, _ := json.Marshal(b)
	return string(left) == string(right)
}

// update sends what differs. False: the node is busy, or refused; the outcome says which.
func (o operator) update(n node, p *patch) (node, bool, outcome, error) {
	if len(p.operations) == 0 {
		return n, true, outcome{}, nil
	}
	var updated node
	err := nodes.Update(o.ServiceClient, n.UUID, p.operations).ExtractInto(&updated)
	if err != nil {
		result, err := orBusy(err)
		return n, false, result, err
	}
	return updated, true, outcome{}, nil
}
