//go:build linux

package watch

import (
	"context"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/packet/bmp"

	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/timeline"
)

// told takes the reports of a router without BMP.
type told struct {
	w     *Watch
	s     *speaker
	ready func()
}

var _ router.Listener = told{}

// followRouter listens to a router's own reports while the router's container lives.
func (w *Watch) followRouter(ctx context.Context, p place, by router.Follower, pid int, ready func()) error {
	s := w.speaker(p)
	err := by.Follow(ctx, pid, told{w, s, ready})
	if ctx.Err() != nil {
		w.add(w.unlessStopping(s.lost("container-gone"))...)
	}
	return err
}

func (t told) Begin() { t.s.connected(time.Now()) }

func (t told) Settled() { t.w.settled(t.s, t.ready) }

func (t told) Established(p router.Peer) {
	t.add(p, func(h bmp.BMPPeerHeader) []timeline.Event { return t.s.peerUp(h, &bmp.BMPPeerUpNotification{}) })
}

func (t told) Update(p router.Peer, u *bgp.BGPUpdate) {
	t.add(p, func(h bmp.BMPPeerHeader) []timeline.Event { return t.s.update(h, u) })
}

func (t told) Notified(p router.Peer, notification string) {
	t.add(p, func(h bmp.BMPPeerHeader) []timeline.Event {
		_, of := t.s.peer(h)
		of.notified = notification
		return nil
	})
}

func (t told) Left(p router.Peer) { t.add(p, t.s.left) }

func (t told) Unread(err error) {
	t.w.add(timeline.New(timeline.LaneAgent, t.s.router, "mrt-unread", "a record could not be read: "+err.Error(), nil))
}

func (t told) Lost(kind, text string) {
	t.w.add(timeline.New(timeline.LaneAgent, t.s.router, kind, text, nil))
	t.w.add(t.s.lost("speaker-gone")...)
}

// add takes a report. Until the initial state is settled, a report with an earlier time is no event.
func (t told) add(p router.Peer, take func(bmp.BMPPeerHeader) []timeline.Event) {
	at, wall := timeline.Stamp()
	t.s.mu.Lock()
	events := take(bmp.BMPPeerHeader{PeerAddress: p.Address, PeerAS: p.ASN, Timestamp: float64(p.At.Unix())})
	old := t.s.unsettled && p.At.Unix() < t.s.began.Unix()
	t.s.mu.Unlock()
	if old {
		return
	}
	for i := range events {
		events[i].At, events[i].Wall = at, wall
	}
	t.w.add(events...)
}

// left ends a session that is no longer Established.
func (s *speaker) left(h bmp.BMPPeerHeader) []timeline.Event {
	a, p := s.peer(h)
	if !p.up {
		return nil
	}
	reason, text := "local", "the router ended it, or the connection closed"
	if p.notified != "" {
		reason, text = "remote-notification", "the peer sent a notification: "+p.notified
	}
	p.notified = ""
	return s.down(a, p, reason, text, "speakerTime", stamp(h))
}
