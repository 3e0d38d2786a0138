// Package main speaks to an Ironic API with gophercloud, as told line by line: the client that a test drives, one call at a time. Beside the calls of
// gophercloud itself it has those of two programs that are built on it, Metal3's baremetal-operator (metal3_*.go) and the Terraform provider for Ironic
// (terraform_*.go): the same requests in the same order, written here.
package main

import (
	"log"
	"os"
)

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}
