package plan

import (
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
