package fault

import (
	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/scenario"
)

// BGPSoftClear refreshes a router's routes, or those of Peer (RFC 2918). The sessions stay.
type BGPSoftClear struct {
	Router string `json:"bgpSoftClear"`
	// Peer is a router, a cluster node, an address, or `nodes` for all cluster nodes; default: all peers.
	Peer string `json:"peer,omitempty"`
	noDefaults
}

// About describes the fault.
func (*BGPSoftClear) About() About {
	return About{What: "routes asked for and sent anew; sessions stay"}
}

// Validate checks the router and the peer.
func (f *BGPSoftClear) Validate(v *scenario.Validation, path string) {
	sessionsOf(v, path, "bgpSoftClear", f.Router, f.Peer)
}

// String describes the fault.
func (f *BGPSoftClear) String() string { return words(f, "refresh the routes of "+f.Router) }

// Bound returns no outage: routers keep the routes until the routes come again.
func (f *BGPSoftClear) Bound(Case) *bound.Bound { return ref(bound.Refreshed()) }

func (f *BGPSoftClear) action(s spot) action {
	return &reset{bgpSessions{spot: s, peer: f.Peer}, router.Router.Refresh}
}
