package live

import (
	"net/netip"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
)

func TestNextHopsOfTheLongestPrefix(t *testing.T) {
	hop := func(s string) []bgp.NextHop { return []bgp.NextHop{{Address: netip.MustParseAddr(s)}} }
	fib := []bgp.Route{
		{Prefix: netip.MustParsePrefix("0.0.0.0/0"), NextHops: hop("192.0.2.1")},
		{Prefix: netip.MustParsePrefix("198.51.100.1/32"), NextHops: hop("192.0.2.3")},
		{Prefix: netip.MustParsePrefix("198.51.100.0/24"), NextHops: hop("192.0.2.2")},
	}
	for to, want := range map[string]string{"198.51.100.1": "192.0.2.3", "198.51.100.9": "192.0.2.2", "203.0.113.1": "192.0.2.1"} {
		if got := nextHops(fib, netip.MustParseAddr(to)); len(got) != 1 || got[0].String() != want {
			t.Errorf("to %s: %v, wanted %s", to, got, want)
		}
	}
	if got := nextHops(fib[1:2], netip.MustParseAddr("203.0.113.1")); got != nil {
		t.Errorf("without a route: %v", got)
	}
}

func TestPreferredMember(t *testing.T) {
	p := &plan.Plan{Gateways: []plan.Gateway{{Name: "gw", Members: []plan.GatewayGuard{{Router: "r2", Priority: 190}, {Router: "r1", Priority: 200}}}}}
	if got := preferred(p, "gw"); got != "r1" {
		t.Errorf("%q, wanted r1, whose priority is the highest", got)
	}
}

func TestWrongRestart(t *testing.T) {
	session := func(asn uint32, state bgp.State, on bool) bgp.Session {
		return bgp.Session{Peer: netip.MustParseAddr("172.30.0.3"), PeerASN: asn, State: state, GracefulRestart: on}
	}
	r := plan.Router{Name: "r1", BGP: &plan.Speaker{GracefulRestart: true, Ranges: []plan.Range{{ASN: 64512, Sessions: 2}}}}
	dual, off := r, r
	dual.BGP = &plan.Speaker{GracefulRestart: true, Ranges: append(r.BGP.Ranges, plan.Range{Name: "nodes6", ASN: 64512, Sessions: 2})}
	off.BGP = &plan.Speaker{Ranges: r.BGP.Ranges}
	both, router := session(64512, bgp.Established, true), session(64513, bgp.Established, false)
	for _, c := range []struct {
		name       string
		r          plan.Router
		sessions   []bgp.Session
		wrong, err string
	}{
		{"both have it", r, []bgp.Session{both, both, router}, "", ""},
		{"one is down", r, []bgp.Session{both, session(64512, bgp.Active, false)}, "", "1 of 2 sessions"},
		{"one has it not", r, []bgp.Session{both, session(64512, bgp.Established, false)}, "graceful restart with 172.30.0.3 is false, wanted true", ""},
		{"one IP family of two", dual, []bgp.Session{both, both}, "", "2 of 4 sessions"},
		{"on instead of off", off, []bgp.Session{both, both}, "wanted false", ""},
	} {
		wrong, err := wrongRestart(c.sessions, c.r)
		if !strings.Contains(wrong, c.wrong) || (c.wrong == "") != (wrong == "") || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v", c.name, wrong, err)
		}
	}
}
