package main

import (
	"encoding/json"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/baremetal/apiversions"
	"github.com/gophercloud/gophercloud/openstack/baremetal/httpbasic"
	"github.com/gophercloud/gophercloud/openstack/baremetal/noauth"
)

type connectArgs struct {
	// Endpoint as operators write it, with or without a slash at its end.
	Endpoint     string
	Microversion string
	// User and Password, where the server wants them.
	User     string
	Password string
}

func (a connectArgs) client() (*gophercloud.ServiceClient, error) {
	if a.User == "" {
		return noauth.NewBareMetalNoAuth(noauth.EndpointOpts{IronicEndpoint: a.Endpoint})
	}
	return httpbasic.NewBareMetalHTTPBasic(httpbasic.EndpointOpts{
		IronicEndpoint:     a.Endpoint,
		IronicUser:         a.User,
		IronicUserPassword: a.Password,
	})
}

func connect(s *session, raw json.RawMessage) (interface{}, error) {
	args, err := decode[connectArgs](raw)
	if err != nil {
		return nil, err
	}
	client, err := args.client()
	if err != nil {
		return nil, err
	}
	client.Microversion = args.Microversion
	s.client = client
	return client.Endpoint, nil
}

func init() {
	offer(map[string]call{
		"connect": connect,
		"apiversions.List": with(func(c *gophercloud.ServiceClient, _ struct{}) (interface{}, error) {
			return apiversions.List(c).Extract()
		}),
		"apiversions.Get": with(func(c *gophercloud.ServiceClient, version string) (interface{}, error) {
			return apiversions.Get(c, version).Extract()
		}),
	})
}
