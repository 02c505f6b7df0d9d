package plan

import (
	"net/netip"
	"slices"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
)

// EchoPort is the TCP and UDP port of the echo program.
const EchoPort = 8080

// Peering is the configuration of a session between a router and a peer. The zero value means the speaker's own
// defaults.
type Peering struct {
	BFD                  *scenario.BFD         `json:"bfd,omitempty"`
	Password             scenario.Secret       `json:"password,omitempty"`
	Multihop             int                   `json:"multihop,omitempty"`    // TTL, 2 to 255
	TTLSecurity          int                   `json:"ttlSecurity,omitempty"` // hops, 1 to 254
	RouteReflectorClient bool                  `json:"routeReflectorClient,omitempty"`
	MaxPrefixes          int                   `json:"maxPrefixes,omitempty"`
	Import               *scenario.RoutePolicy `json:"import,omitempty"`
	Export               *scenario.RoutePolicy `json:"export,omitempty"`
	scenario.SessionOptions
}

// Carries reports whether the session carries the routes of an IP family: the families of the session, or the family of the
// session's addresses.
func (n Neighbor) Carries(v6 bool) bool { return n.carries(n.Address, v6) }

// Carries reports whether the sessions of the range carry the routes of an IP family.
func (g Range) Carries(v6 bool) bool { return g.carries(g.Prefix.Addr(), v6) }

func (p Peering) carries(peer netip.Addr, v6 bool) bool {
	if len(p.Families) == 0 {
		return peer.Is6() == v6
	}
	return slices.Contains(p.Families, scenario.IPv6Family) && v6 || slices.Contains(p.Families, scenario.IPv4Family) && !v6
}

// Carries reports whether any session of the speaker carries the routes of an IP family.
func (s *Speaker) Carries(v6 bool) bool {
	return slices.ContainsFunc(s.Neighbors, func(n Neighbor) bool { return n.Carries(v6) }) ||
		slices.ContainsFunc(s.Ranges, func(g Range) bool { return g.Carries(v6) })
}

// Carrier is a Neighbor or a Range.
type Carrier interface{ Carries(v6 bool) bool }

// Families lists the IP families of a peer's routes: false for IPv4, true for IPv6.
func Families(c Carrier) []bool {
	return slices.DeleteFunc([]bool{false, true}, func(v6 bool) bool { return !c.Carries(v6) })
}

// WatchesByBFD reports whether the plan has BFD with a peer.
func (s *Speaker) WatchesByBFD(peer netip.Addr) bool {
	if s == nil {
		return false
	}
	for _, n := range s.Neighbors {
		if n.Address == peer {
			return n.BFD != nil
		}
	}
	return slices.ContainsFunc(s.Ranges, func(g Range) bool { return g.Prefix.Contains(peer) && g.BFD != nil })
}

// RangeOf returns the name of a peer's range; "" for a peer without a range.
func (s *Speaker) RangeOf(peer netip.Addr) string {
	for _, g := range s.Ranges {
		if g.Prefix.Contains(peer) && !slices.ContainsFunc(s.Neighbors, func(n Neighbor) bool { return n.Address == peer }) {
			return g.Name
		}
	}
	return ""
}

func peeringOf(p scenario.Peer) Peering {
	return Peering{
		BFD: p.BFD, Password: p.Password, Multihop: p.Multihop, TTLSecurity: p.TTLSecurity,
		RouteReflectorClient: p.RouteReflectorClient, MaxPrefixes: p.MaxPrefixes, Import: p.Import, Export: p.Export,
		SessionOptions: p.SessionOptions,
	}
}

// TimersOf returns the timers of a session: the session's own, or the speaker's.
func (s *Speaker) TimersOf(p Peering) scenario.Timers {
	if p.Timers != nil {
		return *p.Timers
	}
	return scenario.Timers{HoldTime: scenario.Duration(s.HoldTime), Keepalive: scenario.Duration(s.Keepalive), ConnectRetry: scenario.Duration(time.Second)}
}

// RestartOf returns graceful restart in a session: the session's own, or the speaker's.
func (s *Speaker) RestartOf(p Peering) scenario.PeerRestart {
	out := scenario.PeerRestart{Mode: scenario.RestartOff}
	switch {
	case p.GracefulRestart != nil:
		out = *p.GracefulRestart
	case s.GracefulRestart:
		out.Mode = scenario.RestartFull
	}
	if out.Mode == scenario.RestartFull {
		scenario.Or(&out.RestartTime, scenario.DefaultRestartTime)
	}
	return out
}
