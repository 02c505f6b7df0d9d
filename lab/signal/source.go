package signal

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"skidpad.dev/skidpad/lab/scenario"
)

// Source shows the source addresses that the target saw, with the owners. The echo in each answer names the address. A
// reading without any answer proves nothing.
type Source struct{ Connect }

// SetDefaults fills in Proto, http, and Count. A connection without a request has no answer, so tcp is refused.
func (s *Source) SetDefaults(spec *scenario.Spec) {
	scenario.Or(&s.Proto, "http")
	s.Connect.SetDefaults(spec)
}

// Validate checks the sender, the target and the protocol.
func (s *Source) Validate(v *scenario.Validation, path string) {
	s.Connect.Validate(v, path)
	if s.Proto == "tcp" {
		v.Add(path+".proto", "seen tcp, whose connections carry no answer with the address, want http")
	}
}

// Read opens the connections.
func (s *Source) Read(ctx context.Context, r *Run) (Value, error) {
	shots, err := s.shots(ctx, r)
	if err != nil {
		return Value{}, err
	}
	owners := r.owners(ctx)
	var all []string
	for _, shot := range shots {
		if shot.Answer == nil {
			continue
		}
		at, err := netip.ParseAddrPort(shot.Answer.Client)
		if err != nil {
			return Value{}, fmt.Errorf("the answer of %s: seen the source %q, want ADDRESS:PORT", shot.Target, shot.Answer.Client)
		}
		text := at.Addr().String()
		if of := owners[at.Addr()]; of != "" {
			text += " (" + of + ")"
		}
		all = append(all, text)
	}
	if len(all) == 0 {
		return Value{}, errors.New("no connection was answered: " + fateOf(shots[0].Error))
	}
	return Texts(all...), nil
}
