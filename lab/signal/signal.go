// Package signal reads the signals that a bug's observations are about. A signal is one file: the fields in a scenario
// file, validation, and the reading.
package signal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// Signal is a member of the kind.
type Signal interface {
	scenario.SignalFields
	// Read looks once. An error means that the reading proves nothing.
	Read(ctx context.Context, r *Run) (Value, error)
}

// Prober is a signal that sends packets of its own: one reading is the answer to these packets, and nothing comes later.
type Prober interface{ Probes() }

// OfFlow is a signal about a flow that a step of the bug sends.
type OfFlow interface{ Flow() string }

// Member is an entry of the list of members: Member[ARP]("arp").
func Member[T any, P interface {
	*T
	Signal
}](name string) scenario.Member {
	return scenario.Member{Name: name, New: func() scenario.Fields { return P(new(T)) }}
}

// Run is a bug's run on one lab, as signals see the run.
type Run struct {
	Lab    *live.Lab
	Events *timeline.Timeline
	Began  int64 // of the trigger, CLOCK_MONOTONIC in nanoseconds; 0 before the trigger
	// Recording stops a flow, once, and returns the recording.
	Recording func(ctx context.Context, flow string) (*record.Recording, error)
}

// Read looks at a signal once.
func (r *Run) Read(ctx context.Context, s scenario.Signal) (Value, error) {
	of, ok := s.Fields.(Signal)
	if !ok {
		return Value{}, errors.New("lab bug: a signal without content passed the validation")
	}
	return of.Read(ctx, r)
}

// FlowOf is the name of the flow that the signal is about, or "".
func FlowOf(s scenario.Signal) string {
	if of, ok := s.Fields.(OfFlow); ok {
		return of.Flow()
	}
	return ""
}

// Probes reports whether the signal sends packets of its own.
func Probes(s scenario.Signal) bool {
	_, ok := s.Fields.(Prober)
	return ok
}

// Shell runs a command line in a node or a pod's network, and returns the output.
func (r *Run) Shell(ctx context.Context, e scenario.Exec) ([]byte, error) {
	line, err := r.Fill(ctx, e.Run)
	if err != nil {
		return nil, err
	}
	n, err := r.Place(ctx, e.Node)
	if err != nil {
		return nil, err
	}
	out, err := n.Exec(ctx, "sh", "-ec", line)
	if exit := (*node.ExitError)(nil); errors.As(err, &exit) {
		err = fmt.Errorf("exit code %d: %s", exit.Code, cmp.Or(strings.TrimSpace(exit.Stderr), strings.TrimSpace(string(out)), "it says nothing")) // the command is told already
	}
	return out, err
}

// byContent is embedded in signals that show texts or a number.
type byContent struct{}

func (byContent) JudgedBy() scenario.Judgement { return scenario.ByContent }

// withoutDefaults is embedded in signals that have no defaults.
type withoutDefaults struct{}

func (withoutDefaults) SetDefaults(*scenario.Spec) {}
