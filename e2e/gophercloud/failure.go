package main

// What gophercloud makes of an answer that is no success, and what is to be read in it.

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/gophercloud/gophercloud"
)

type failure struct {
	// Class is gophercloud's type, such as ErrDefault409: what programs switch on.
	Class string `json:"class"`
	// Status of the answer, 0 when there was none.
	Status int `json:"status"`
	// Fault is the text in the answer, where it has the form of Ironic's.
	Fault   string `json:"fault"`
	Message string `json:"message"`
}

func failureOf(err error) *failure {
	f := &failure{Class: reflect.TypeOf(err).Name(), Message: err.Error()}
	// Programs wrap the errors of gophercloud; the innermost says what was answered.
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		if coded, ok := inner.(gophercloud.StatusCodeError); ok {
			f.Class, f.Status = reflect.TypeOf(inner).Name(), coded.GetStatusCode()
			f.Fault = faultstring(bodyOf(inner))
		}
	}
	return f
}

// bodyOf takes the bytes of an answer out of any of the ErrDefault types: each embeds an ErrUnexpectedResponseCode.
func bodyOf(err error) []byte {
	value := reflect.ValueOf(err)
	if field := value.FieldByName("Body"); field.IsValid() {
		return field.Bytes()
	}
	return nil
}

// faultstring is found as Ironic's clients find it: a JSON document in a text in a JSON document.
func faultstring(body []byte) string {
	var outer struct {
		ErrorMessage string `json:"error_message"`
	}
	var inner struct {
		Faultstring string `json:"faultstring"`
	}
	if json.Unmarshal(body, &outer) != nil || json.Unmarshal([]byte(outer.ErrorMessage), &inner) != nil {
		return fmt.Sprintf("not of Ironic's form: %s", body)
	}
	return inner.Faultstring
}

func is(err error, status int) bool {
	var coded gophercloud.StatusCodeError
	return errors.As(err, &coded) && coded.GetStatusCode() == status
}
