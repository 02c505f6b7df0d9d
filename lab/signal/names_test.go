package signal

import (
	"net/netip"
	"testing"

	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
)

func TestLoopbacksHaveOwners(t *testing.T) {
	lo := func(a string) netip.Prefix { return netip.PrefixFrom(netip.MustParseAddr(a), 32) }
	shared, own := lo("10.255.0.1"), lo("10.255.0.2")
	r := &Run{Lab: &live.Lab{Plan: &plan.Plan{Routers: []plan.Router{
		{Name: "r1", Loopbacks: []netip.Prefix{shared}},
		{Name: "r2", Loopbacks: []netip.Prefix{shared, own}},
	}}}}
	seen := r.owners(t.Context())
	for a, want := range map[netip.Prefix]string{shared: "r1", own: "r2"} {
		if seen[a.Addr()] != want {
			t.Errorf("%s: seen %q, want %q", a.Addr(), seen[a.Addr()], want)
		}
	}
}
