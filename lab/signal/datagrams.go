package signal

import (
	"context"

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// Datagrams sends UDP datagrams of a size side by side, each from a port of its own. It shows how many are answered, and the
// fate of the others: timeout is a lost packet, message too long a packet that the sender's own link cannot carry. The answers
// are small.
type Datagrams struct {
	byContent
	From  string `json:"from"`                                                // a client, router, node, or pod/WORKLOAD
	To    string `json:"to"`                                                  // as of Send
	Count int    `json:"count,omitempty" jsonschema:"minimum=1,maximum=1000"` // default 10
	Sized
}

// Probes marks the signal as a sender.
func (*Datagrams) Probes() {}

// SetDefaults fills in Count.
func (s *Datagrams) SetDefaults(*scenario.Spec) { scenario.Or(&s.Count, 10) }

// Validate checks the sender, the names in the target, and the size.
func (s *Datagrams) Validate(v *scenario.Validation, path string) {
	v.Place(path+".from", s.From)
	v.Aim(path+".to", s.To)
	s.validate(v, path)
}

// Read sends the datagrams.
func (s *Datagrams) Read(ctx context.Context, r *Run) (Value, error) {
	shots, err := r.shots(ctx, s.From, s.To, s.Count, probe.Shots{Proto: record.UDP, Timeout: connectWithin, Size: s.Size, DontFragment: s.DontFragment})
	if err != nil {
		return Value{}, err
	}
	return answeredOf(shots), nil
}
