package main

// Requests of baremetal-operator that gophercloud has functions for in newer versions only, or with fewer arguments.

import (
	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/nodes"
)

type step struct {
	Interface string `json:"interface" required:"true"`
	Step      string `json:"step" required:"true"`
	Args      values `json:"args,omitempty"`
}

type deployStep struct {
	Interface string `json:"interface" required:"true"`
	Step      string `json:"step" required:"true"`
	Args      values `json:"args" required:"true"`
	Priority  int    `json:"priority" required:"true"`
}

type verb struct {
	Target       string       `json:"target" required:"true"`
	ConfigDrive  interface{}  `json:"configdrive,omitempty"`
	CleanSteps   []step       `json:"clean_steps,omitempty"`
	DeploySteps  []deployStep `json:"deploy_steps,omitempty"`
	ServiceSteps []step       `json:"service_steps,omitempty"`
}

func (v verb) ToProvisionStateMap() (map[string]interface{}, error) {
	return gophercloud.BuildRequestBody(v, "")
}

// provision asks for a verb. A node in maintenance is taken out of it first; one with a fault is waited for.
func (o operator) provision(n node, v verb) (outcome, error) {
	if n.Fault != "" {
		return goesOn(busyDelay)
	}
	if n.Maintenance {
		return o.maintenance(n, "")
	}
	if err := nodes.ChangeProvisionState(o.ServiceClient, n.UUID, v).ExtractErr(); err != nil {
		return orBusy(err)
	}
	return outcome{Dirty: true, Delay: busyDelay, Started: true}, nil
}

// maintenance is set with a reason, and unset without.
func (o operator) maintenance(n node, reason string) (outcome, error) {
	url := o.ServiceURL("nodes", n.UUID, "maintenance")
	ok := &gophercloud.RequestOpts{OkCodes: []int{202}}
	var err error
	if reason != "" {
		_, err = o.Put(url, values{"reason": reason}, nil, ok)
	} else {
		_, err = o.Delete(url, ok)
	}
	if err != nil {
		return orBusy(err)
	}
	return goesOn(0)
}

// read gets what is below a node into `into`.
func (o operator) read(n string, into interface{}, below string) error {
	ok := &gophercloud.RequestOpts{OkCodes: []int{200}}
	_, err := o.Get(o.ServiceURL("nodes", n, below), into, ok)
	return err
}

func (o operator) attach(id, url string) error {
	body := values{"device_type": "cdrom", "image_url": url}
	_, err := o.Post(o.ServiceURL("nodes", id, "vmedia"), body, nil, &gophercloud.RequestOpts{OkCodes: []int{204}})
	return err
}

func (o operator) detach(id string) error {
	url := o.ServiceURL("nodes", id, "vmedia") + "?device_types=cdrom"
	_, err := o.Delete(url, &gophercloud.RequestOpts{OkCodes: []int{204}})
	return err
}

// medium as the operator reads it; the rest of what is told is not asked for.
type medium struct {
	Image      string   `json:"image"`
	Inserted   bool     `json:"inserted"`
	MediaTypes []string `json:"media_types"`
}

type subscription struct {
	ID          string   `json:"Id"`
	Destination string   `json:"Destination"`
	Context     string   `json:"Context"`
	EventTypes  []string `json:"EventTypes"`
	Protocol    string   `json:"Protocol"`
}

func (o operator) vendor(id, method string) string {
	return o.ServiceURL("nodes", id, "vendor_passthru") + "?method=" + method
}

func (o operator) subscribe(id string, body values) (made subscription, err error) {
	_, err = o.Post(o.vendor(id, "create_subscription"), body, &made, &gophercloud.RequestOpts{OkCodes: []int{200}})
	return made, err
}

// subscriptionOf is a GET with a body, as gophercloud sends it.
func (o operator) subscriptionOf(id, subscribed string) (found subscription, err error) {
	opts := &gophercloud.RequestOpts{OkCodes: []int{200}, JSONBody: values{"id": subscribed}}
	_, err = o.Get(o.vendor(id, "get_subscription"), &found, opts)
	return found, err
}

// subscriptions are the collection as the BMC has it.
func (o operator) subscriptions(id string) (found struct {
	Name    string              `json:"Name"`
	Members []map[string]string `json:"Members"`
	Count   int                 `json:"Members@odata.count"`
}, err error) {
	_, err = o.Get(o.vendor(id, "get_all_subscriptions"), &found, &gophercloud.RequestOpts{OkCodes: []int{200}})
	return found, err
}

// unsubscribe is a DELETE with a body.
func (o operator) unsubscribe(id, subscribed string) error {
	opts := &gophercloud.RequestOpts{OkCodes: []int{200, 202, 204}, JSONBody: values{"id": subscribed}}
	_, err := o.Delete(o.vendor(id, "delete_subscription"), opts)
	return err
}
