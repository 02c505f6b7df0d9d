package bgp

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Session is a BGP session from the view of one of its two speakers.
type Session struct {
	Router   string     `json:"router"` // the router with this view
	Peer     netip.Addr `json:"peer"`
	PeerName string     `json:"peerName,omitempty"` // as configured, otherwise the host name that the peer announced
	PeerASN  uint32     `json:"peerASN"`
	LocalASN uint32     `json:"localASN"`
	State    State      `json:"state"`
	// Reason is the speaker's own text for the last reset, if the session is not established.
	Reason string `json:"reason,omitempty"`
	// Uptime is the time since the session was established; 0 if not established.
	Uptime time.Duration `json:"uptime"`
	// HoldTime and Keepalive are the negotiated values; if the session is not established, the values of the last
	// session.
	HoldTime         time.Duration `json:"holdTime"`
	Keepalive        time.Duration `json:"keepalive"`
	PrefixesReceived int           `json:"prefixesReceived"` // accepted by policy
	PrefixesSent     int           `json:"prefixesSent"`
	// GracefulRestart reports whether both ends have the capability of graceful restart (RFC 4724). Only software with
	// scenario.ReportsRestart sets GracefulRestart.
	GracefulRestart bool `json:"-"`
	// BFD is the state of the BFD session with the peer (RFC 5880, section 4.1): Up, Down, Init or AdminDown. Empty: without
	// BFD, or the speaker does not tell.
	BFD string `json:"bfd,omitempty"`
}

// SortSessions orders by router, then by peer.
func SortSessions(s []Session) {
	slices.SortFunc(s, func(a, b Session) int {
		return cmp.Or(cmp.Compare(a.Router, b.Router), a.Peer.Compare(b.Peer))
	})
}
