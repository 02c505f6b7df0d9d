package fault

import (
	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/scenario"
)

// BGPClear resets a router's sessions, or the session with Peer.
type BGPClear struct {
	Router string `json:"bgpClear"`
	// Peer is a router, a cluster node, an address, or `nodes` for all cluster nodes; default: all peers.
	Peer string `json:"peer,omitempty"`
	noDefaults
}

// About describes the fault.
func (*BGPClear) About() About { return About{What: "BGP sessions reset: all, or one peer's"} }

// Validate checks the router and the peer.
func (f *BGPClear) Validate(v *scenario.Validation, path string) {
	sessionsOf(v, path, "bgpClear", f.Router, f.Peer)
}

// String describes the fault.
func (f *BGPClear) String() string { return words(f, "reset the sessions of "+f.Router) }

// Bound is the bound of sessions that end by a message.
func (f *BGPClear) Bound(c Case) *bound.Bound { return c.ceased(f.Router, f.Peer) }

func (f *BGPClear) action(s spot) action {
	return &reset{bgpSessions{spot: s, peer: f.Peer}, router.Router.Reset}
}
