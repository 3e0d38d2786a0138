package main

// The protocol: a line of JSON {"call", "args"} in, a line {"result"} or {"error"} out, in this order.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/gophercloud/gophercloud"
)

type line struct {
	Call string          `json:"call"`
	Args json.RawMessage `json:"args"`
}

type answer struct {
	Result interface{} `json:"result,omitempty"`
	Error  *failure    `json:"error,omitempty"`
}

// session is what calls share: the client that `connect` made.
type session struct {
	client *gophercloud.ServiceClient
}

type call func(s *session, args json.RawMessage) (interface{}, error)

// with is a call that has arguments of type A; a name that A does not have is an error.
func with[A any](run func(c *gophercloud.ServiceClient, args A) (interface{}, error)) call {
	return func(s *session, raw json.RawMessage) (interface{}, error) {
		args, err := decode[A](raw)
		if err != nil {
			return nil, err
		}
		return run(s.client, args)
	}
}

func decode[A any](raw json.RawMessage) (args A, err error) {
	if len(raw) == 0 {
		return args, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return args, decoder.Decode(&args)
}

var calls = map[string]call{}

// offer adds the calls of a file; two of the same name are a mistake.
func offer(some map[string]call) {
	for name, run := range some {
		if calls[name] != nil {
			panic("two calls " + name)
		}
		calls[name] = run
	}
}

const longestLine = 16 << 20

func serve(in io.Reader, out io.Writer) error {
	s := &session{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longestLine)
	answers := json.NewEncoder(out)
	for lines.Scan() {
		if err := answers.Encode(s.answer(lines.Bytes())); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (s *session) answer(text []byte) answer {
	var asked line
	if err := json.Unmarshal(text, &asked); err != nil {
		return answer{Error: failureOf(err)}
	}
	run := calls[asked.Call]
	if run == nil {
		return answer{Error: failureOf(fmt.Errorf("there is no call %q", asked.Call))}
	}
	result, err := run(s, asked.Args)
	if err != nil {
		return answer{Error: failureOf(err)}
	}
	return answer{Result: result}
}
