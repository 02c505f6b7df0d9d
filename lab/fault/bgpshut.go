package fault

import (
	"context"
	"encoding/json"
	"slices"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/scenario"
)

// BGPShut shuts a router's sessions down, or the session with Peer.
type BGPShut struct {
	Router string `json:"bgpShut"`
	// Peer is a router, a cluster node, an address, or `nodes` for all cluster nodes; default: all peers.
	Peer string `json:"peer,omitempty"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*BGPShut) About() About { return About{What: "BGP sessions shut down: all, or one peer's"} }

// Validate checks the router and the peer.
func (f *BGPShut) Validate(v *scenario.Validation, path string) {
	sessionsOf(v, path, "bgpShut", f.Router, f.Peer)
	r := v.Spec().Router(f.Router)
	if r == nil || !r.BGP.LearnsFromNodes() {
		return
	}
	switch {
	case !v.Able(r, scenario.ShutsNodes) && (f.Peer == "" || f.Peer == scenario.AllNodes):
		v.Add(path+".bgpShut", "seen %q, whose %s takes peers of a range again as soon as they dial, want {drop: %s, proto: bgp}", r.Name, r.Software, r.Name)
	case slices.Contains(v.Spec().NodeNames(), f.Peer):
		v.Add(path+".peer", "seen %q, which opens its session itself, want %q, all of them, or {drop: %s, proto: bgp, peer: %s}", f.Peer, scenario.AllNodes, r.Name, f.Peer)
	}
}

// String describes the fault.
func (f *BGPShut) String() string { return words(f, "shut the sessions of "+f.Router) }

// Bound is the bound of sessions that end by a message.
func (f *BGPShut) Bound(c Case) *bound.Bound { return c.ceased(f.Router, f.Peer) }

func (f *BGPShut) action(s spot) action { return &shut{bgpSessions{spot: s, peer: f.Peer}} }

// shut shuts sessions down administratively.
type shut struct{ bgpSessions }

func (s *shut) apply(ctx context.Context, _ json.RawMessage) error {
	r, of, err := s.speaker(ctx)
	if err != nil {
		return err
	}
	return r.Shut(ctx, of)
}

func (s *shut) undo(ctx context.Context, _ json.RawMessage) error {
	r, of, err := s.speaker(ctx)
	if err != nil {
		return err
	}
	return r.Open(ctx, of)
}
