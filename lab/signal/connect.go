package signal

import (
	"context"
	"fmt"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// connectWithin is the limit of one connection's time.
const connectWithin = 2 * time.Second

// Connect opens connections side by side, each from a port of its own. It shows how many are answered, and the fate of the
// others: connection refused is the sign of a RST, timeout of silence.
type Connect struct {
	byContent
	From  string `json:"from"`                                                // a client, router, node, or pod/WORKLOAD
	To    string `json:"to"`                                                  // as of Send
	Proto string `json:"proto,omitempty" jsonschema:"enum=tcp,enum=http"`     // default tcp
	Count int    `json:"count,omitempty" jsonschema:"minimum=1,maximum=1000"` // default 10
}

// Probes marks the signal as a sender.
func (*Connect) Probes() {}

// SetDefaults fills in Proto and Count.
func (s *Connect) SetDefaults(*scenario.Spec) {
	scenario.Or(&s.Proto, "tcp")
	scenario.Or(&s.Count, 10)
}

// Validate checks the sender and the names in the target.
func (s *Connect) Validate(v *scenario.Validation, path string) {
	v.Place(path+".from", s.From)
	v.Aim(path+".to", s.To)
}

// Read opens the connections.
func (s *Connect) Read(ctx context.Context, r *Run) (Value, error) {
	shots, err := s.shots(ctx, r)
	if err != nil {
		return Value{}, err
	}
	return answeredOf(shots), nil
}

// shots opens the connections.
func (s *Connect) shots(ctx context.Context, r *Run) ([]record.Shot, error) {
	return r.shots(ctx, s.From, s.To, s.Count, probe.Shots{Proto: record.Proto(s.Proto), Timeout: connectWithin})
}

// shots makes count attempts side by side, from a node to a target.
func (r *Run) shots(ctx context.Context, from, target string, count int, shots probe.Shots) ([]record.Shot, error) {
	to, err := r.Fill(ctx, target)
	if err != nil {
		return nil, err
	}
	ref, err := probe.ParseRef(to)
	if err != nil {
		return nil, err
	}
	found, err := r.Lab.Resolve(ctx, ref, shots.Proto)
	if err != nil {
		return nil, err
	}
	n, err := r.Place(ctx, from)
	if err != nil {
		return nil, err
	}
	for i := range count {
		shots.Targets = append(shots.Targets, found[i%len(found)])
	}
	return probe.Once(ctx, n, shots)
}

// answeredOf is the number of answered attempts, and the fate of the others.
func answeredOf(shots []record.Shot) Value {
	answered := 0
	var others []string
	for _, shot := range shots {
		if shot.Error == "" {
			answered++
			continue
		}
		others = append(others, fateOf(shot.Error))
	}
	return Number(float64(answered), fmt.Sprintf(" of %d answered", len(shots)), others...)
}

// fateOf gives a dialler's error the prober's own words.
func fateOf(problem string) string {
	if strings.HasSuffix(problem, "i/o timeout") {
		return "timeout"
	}
	return problem
}
