package signal

import (
	"context"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/scenario"
)

// Sessions shows the states of a router's BGP sessions: Established, Idle … (RFC 4271, 8.2.2).
type Sessions struct{ Speaks }

// Read asks the router.
func (s *Sessions) Read(ctx context.Context, r *Run) (Value, error) {
	return s.each(ctx, r, func(b bgp.Session) string { return b.State.String() })
}

// Speaks are the fields of a signal about BGP sessions.
type Speaks struct {
	byContent
	withoutDefaults
	Router string `json:"router"`
	Peer   string `json:"peer,omitempty"` // a router, a node, or an address; default: all
}

// Validate checks that the router and the peer exist.
func (s *Speaks) Validate(v *scenario.Validation, path string) {
	v.Router(path+".router", s.Router)
	v.FarEnd(path+".peer", s.Peer)
}

// each has one text for each of the router's sessions; an empty text is left out.
func (s *Speaks) each(ctx context.Context, r *Run, text func(bgp.Session) string) (Value, error) {
	router, err := r.Lab.Router(s.Router)
	if err != nil {
		return Value{}, err
	}
	all, err := router.Sessions(ctx)
	if err != nil {
		return Value{}, err
	}
	owners := r.owners(ctx)
	var texts []string
	for _, session := range all {
		if s.Peer != "" && s.Peer != session.Peer.String() && s.Peer != owners[session.Peer] {
			continue
		}
		if t := text(session); t != "" {
			texts = append(texts, t)
		}
	}
	return Number(float64(len(texts)), "", texts...), nil
}
