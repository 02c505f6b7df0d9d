package router

import (
	"context"
	"net/netip"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// Exporter is a Router that can send BMP (RFC 7854) to a station: a port on the router's own loopback.
type Exporter interface {
	// Stations returns the ports of our stations: true for a port added at run time, false for a port of the
	// configuration file.
	Stations(ctx context.Context) (map[int]bool, error)
	// AddStation adds a station. AddStation returns an error if the speaker does not run or has no configuration yet.
	AddStation(ctx context.Context, port int) error
	RemoveStation(ctx context.Context, port int) error
}

// Follower is a Router without BMP. The software reports sessions and routes in its own way.
type Follower interface {
	// Follow reports to a listener until ctx ends, across restarts of the software. pid is the first process of the router's
	// container.
	Follow(ctx context.Context, pid int, to Listener) error
}

// Peer is the peer of a session, and the speaker's own time of a report, in whole seconds.
type Peer struct {
	Address netip.Addr
	ASN     uint32
	At      time.Time
}

// Listener takes the reports of one router.
type Listener interface {
	// Begin starts a life of the software. Until Settled, a report with an earlier time than Begin's is old news.
	Begin()
	// Settled ends the reports of the state at the beginning.
	Settled()
	Established(p Peer)
	Update(p Peer, u *bgp.BGPUpdate)
	// Notified reports a notification from the peer: the reason for the following end of a session.
	Notified(p Peer, notification string)
	// Left reports that a session is not established any more.
	Left(p Peer)
	// Unread reports an unreadable record.
	Unread(err error)
	// Lost ends a life of the software. kind is the event's: bird-lost.
	Lost(kind, text string)
}
