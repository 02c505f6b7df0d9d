package bgp

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Session is a BGP session as one of its speakers sees it.
type Session struct {
	Router   string     `json:"router"` // whose view it is
	Peer     netip.Addr `json:"peer"`
	PeerName string     `json:"peerName,omitempty"` // as configured, else the host name that the peer told
	PeerASN  uint32     `json:"peerASN"`
	LocalASN uint32     `json:"localASN"`
	State    State      `json:"state"`
	// Reason is the speaker's own words for the last reset, where the session is not established.
	Reason string `json:"reason,omitempty"`
	// Uptime is the time since it was established; 0 where it is not.
	Uptime time.Duration `json:"uptime"`
	// HoldTime and Keepalive are the negotiated ones; where it is not established, those of the last time.
	HoldTime         time.Duration `json:"holdTime"`
	Keepalive        time.Duration `json:"keepalive"`
	PrefixesReceived int           `json:"prefixesReceived"` // accepted by policy
	PrefixesSent     int           `json:"prefixesSent"`
}

// SortSessions orders by router, then by peer.
func SortSessions(s []Session) {
	slices.SortFunc(s, func(a, b Session) int {
		return cmp.Or(cmp.Compare(a.Router, b.Router), a.Peer.Compare(b.Peer))
	})
}
