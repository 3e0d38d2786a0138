package main

import (
	"os"
	"testing"
)

// TestServe is the same program with Go's coverage: which functions of gophercloud have run is in its profile.
func TestServe(t *testing.T) {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		t.Fatal(err)
	}
}
