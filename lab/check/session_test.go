package check

import (
	"context"
	"net/netip"
	"testing"

	"skidpad.dev/skidpad/lab/timeline"
)

func TestRouteGone(t *testing.T) {
	event := func(at int64, router, from, to string) timeline.Event {
		return timeline.Event{At: at, Lane: timeline.LaneFIB, Subject: router, Fields: map[string]string{"prefix": "198.51.100.1/32", "from": from, "to": to}}
	}
	both, one := "via 172.30.0.3 (worker) and via 172.30.0.31 (worker2), bgp, metric 20", "via 172.30.0.31 (worker2), bgp, metric 20"
	s := &session{}
	for _, e := range []timeline.Event{
		event(5, "r1", both, one), event(10, "r1", one, both), event(20, "r1", both, one), event(30, "r2", one, ""), event(40, "r1", one, ""),
	} {
		s.add(e)
	}
	prefix, worker := netip.MustParsePrefix("198.51.100.1/32"), []netip.Addr{netip.MustParseAddr("172.30.0.3")}
	if at, ok := s.RouteGone("r1", prefix, worker, 8); !ok || at != 20 {
		t.Errorf("r1: %d, %t; wanted 20: what was before the fault, or by another node, does not count", at, ok)
	}
	if at, ok := s.RouteGone("r2", prefix, worker, 8); ok {
		t.Errorf("r2 never had a route by worker, but lost it at %d", at)
	}
}

// A session that nobody waits for any more still ends its guard.
func TestASessionEndsItsGuard(t *testing.T) {
	ended := false
	s := &session{end: func(ctx context.Context) error {
		ended = ctx.Err() == nil
		return nil
	}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s.close(ctx); !ended {
		t.Error("the guard has not ended")
	}
}
