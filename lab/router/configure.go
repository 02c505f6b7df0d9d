package router

import (
	"context"
	"net/netip"
)

// PathLister is a Router that lists the paths to a prefix with all attributes.
type PathLister interface {
	Paths(ctx context.Context, to netip.Prefix) ([]Path, error)
}

// Configurer is a Router that takes lines of configuration in the software's own language while the router runs.
type Configurer interface {
	Configure(ctx context.Context, lines []string) error
}

// Path is a path to a prefix, with the attributes from peers.
type Path struct {
	ASPath struct {
		String string `json:"string"`
	} `json:"aspath"`
	Origin    string `json:"origin"`
	MED       int    `json:"metric"`
	LocalPref int    `json:"locPrf"`
	Community struct {
		String string `json:"string"`
	} `json:"community"`
	LargeCommunity struct {
		String string `json:"string"`
	} `json:"largeCommunity"`
	Valid    bool `json:"valid"`
	BestPath struct {
		Overall bool `json:"overall"`
	} `json:"bestpath"`
	// Originator and Clusters are the attributes added by route reflectors (RFC 4456, 8), empty without a reflector.
	Originator netip.Addr `json:"originatorId"`
	Clusters   struct {
		List []string `json:"list"`
	} `json:"clusterList"`
	Peer struct {
		ID       netip.Addr `json:"peerId"`
		RouterID netip.Addr `json:"routerId"`
		Type     string     `json:"type"` // external or internal
	} `json:"peer"`
}
