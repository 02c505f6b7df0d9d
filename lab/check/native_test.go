package check

import (
	"net/netip"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
)

func TestSessionsOfNativeConfiguration(t *testing.T) {
	at := netip.MustParseAddr
	p := &plan.Plan{Routers: []plan.Router{
		{Name: "r1", Native: &plan.Native{Whole: &plan.Snippet{}}},
		{Name: "r2", Networks: []plan.Attachment{{Network: "core", Address: at("192.0.2.12")}, {Network: "edge", Address: at("198.51.100.12")}}},
	}}
	up := func(a string, asn uint32) bgp.Session {
		return bgp.Session{Peer: at(a), PeerASN: asn, State: bgp.Established}
	}
	for name, tt := range map[string]struct {
		peers    []SessionPeer
		sessions []bgp.Session
		held     bool
		observed string
	}{
		"by name":             {[]SessionPeer{{Router: "r1", Peer: "r2", ASN: 64602}}, []bgp.Session{up("198.51.100.12", 64602)}, true, "1 of 1 Established"},
		"by address":          {[]SessionPeer{{Router: "r1", Peer: "203.0.113.1"}}, []bgp.Session{up("203.0.113.1", 64602)}, true, "1 of 1 Established"},
		"another ASN":         {[]SessionPeer{{Router: "r1", Peer: "r2", ASN: 64603}}, []bgp.Session{up("192.0.2.12", 64602)}, false, "the peer has ASN 64602, not 64603"},
		"missing":             {[]SessionPeer{{Router: "r1", Peer: "r2"}}, []bgp.Session{up("203.0.113.1", 64602)}, false, "r1 to r2: no such session"},
		"unnamed and down":    {nil, []bgp.Session{up("192.0.2.12", 64602), {Peer: at("203.0.113.1"), State: bgp.Active}}, false, "1 of 2 Established; r1 to  (203.0.113.1): Active"},
		"unnamed":             {nil, []bgp.Session{up("192.0.2.12", 64602)}, true, "1 of 1 Established"},
		"no session whatever": {nil, nil, false, "0 of 0 Established"},
	} {
		held, observed, _ := judgeSessions(p, tt.peers, map[string]seenSessions{"r1": {sessions: tt.sessions}})
		if held != tt.held || !strings.Contains(observed, tt.observed) {
			t.Errorf("%s: seen %v, %q, wanted %v, %q", name, held, observed, tt.held, tt.observed)
		}
	}
}

func TestPrefixes(t *testing.T) {
	a, b := netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("198.51.100.0/24")
	route := func(p netip.Prefix) []bgp.Route { return []bgp.Route{{Prefix: p}} }
	unusable := []bgp.Route{{Prefix: a, Paths: []bgp.Path{{NextHops: []netip.Addr{netip.MustParseAddr("192.0.2.2")}}}}}
	for name, tt := range map[string]struct {
		c        Routes
		rib, fib []bgp.Route
		observed string // empty if the check holds
	}{
		"both tables":      {Routes{Prefixes: []netip.Prefix{a}}, route(a), route(a), ""},
		"no FIB":           {Routes{Prefixes: []netip.Prefix{a}}, route(a), nil, "r1: 203.0.113.0/24 FIB: no route"},
		"no FIB, not seen": {Routes{Prefixes: []netip.Prefix{a}, Tables: []Table{RIB}}, route(a), nil, ""},
		"nothing":          {Routes{Prefixes: []netip.Prefix{a}}, nil, nil, "FIB: no route, RIB: no route"},
		"unusable":         {Routes{Prefixes: []netip.Prefix{a}}, unusable, nil, "r1: 203.0.113.0/24 FIB: no route, BGP's path is not usable: 192.0.2.2"},
		"absent":           {Routes{Prefixes: []netip.Prefix{a}, Absent: []netip.Prefix{b}}, route(a), route(a), ""},
		"not absent":       {Routes{Prefixes: []netip.Prefix{a}, Absent: []netip.Prefix{b}}, append(route(a), route(b)...), route(a), "198.51.100.0/24 RIB: a route, wanted none"},
	} {
		held, observed, _ := tt.c.judgePrefixes([]string{"r1"}, map[string]seenRoutes{"r1": {rib: tt.rib, fib: tt.fib}})
		if len(tt.c.Absent) > 0 && !strings.Contains(observed, "have none (198.51.100.0/24)") {
			t.Errorf("%s: seen %q, want the absent prefixes named", name, observed)
		}
		if held != (tt.observed == "") || !strings.Contains(observed, tt.observed) {
			t.Errorf("%s: seen %v, %q, wanted %q", name, held, observed, tt.observed)
		}
	}
}
