package bgp_test

import (
	"encoding/json"
	"net/netip"
	"testing"

	"skidpad.dev/skidpad/lab/bgp"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func route(prefix string, hops ...string) bgp.Route {
	r := bgp.Route{Prefix: netip.MustParsePrefix(prefix), Protocol: "bgp"}
	for _, h := range hops {
		r.NextHops = append(r.NextHops, bgp.NextHop{Address: addr(h), Interface: "fabric"})
	}
	return r
}

func TestStateReadsWhatItWrites(t *testing.T) {
	for s := bgp.Unknown; s <= bgp.Established; s++ {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back bgp.State
		if err := json.Unmarshal(text, &back); err != nil || back != s {
			t.Errorf("%v was written as %s and read as %v, %v", s, text, back, err)
		}
	}
	if s, err := bgp.ParseState("established"); err == nil || s != bgp.Unknown {
		t.Errorf("a state that the RFC does not spell so was read as %v, %v", s, err)
	}
	if got := bgp.State(42).String(); got != "State(42)" {
		t.Errorf("a state out of range is written %q", got)
	}
}

func TestVia(t *testing.T) {
	a, b, c := addr("10.0.0.1"), addr("10.0.0.2"), addr("10.0.0.3")
	tests := []struct {
		name string
		hops []string
		via  []netip.Addr
		want bool
	}{
		{"same, other order", []string{"10.0.0.1", "10.0.0.2"}, []netip.Addr{b, a}, true},
		{"one missing", []string{"10.0.0.1"}, []netip.Addr{a, b}, false},
		{"one too many", []string{"10.0.0.1", "10.0.0.2"}, []netip.Addr{a}, false},
		{"another", []string{"10.0.0.1", "10.0.0.2"}, []netip.Addr{a, c}, false},
		{"named twice", []string{"10.0.0.1"}, []netip.Addr{a, a}, true},
		{"neither has any", nil, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := route("203.0.113.0/24", tt.hops...).Via(tt.via...); got != tt.want {
				t.Errorf("Via(%v) with next hops %v = %v", tt.via, tt.hops, got)
			}
		})
	}
}

func TestLookupTakesTheLongestPrefix(t *testing.T) {
	routes := []bgp.Route{route("0.0.0.0/0"), route("203.0.113.0/24"), route("203.0.113.50/32"), route("203.0.113.0/28")}
	for to, want := range map[string]string{"203.0.113.50": "203.0.113.50/32", "203.0.113.9": "203.0.113.0/28", "203.0.113.77": "203.0.113.0/24", "192.0.2.1": "0.0.0.0/0"} {
		if got, ok := bgp.Lookup(routes, addr(to)); !ok || got.Prefix.String() != want {
			t.Errorf("to %s goes %v, %v; want %s", to, got.Prefix, ok, want)
		}
	}
	if got, ok := bgp.Lookup(routes[1:], addr("192.0.2.1")); ok {
		t.Errorf("an address without a route found %v", got)
	}
	if _, ok := bgp.Find(routes, netip.MustParsePrefix("203.0.113.0/25")); ok {
		t.Error("Find found a prefix that is not there")
	}
}

func TestSorting(t *testing.T) {
	routes := []bgp.Route{route("203.0.113.0/28", "10.0.0.2", "10.0.0.1"), route("203.0.113.0/24"), route("9.0.0.0/8")}
	bgp.SortRoutes(routes)
	got := ""
	for _, r := range routes {
		got += r.Prefix.String() + " "
	}
	if want := "9.0.0.0/8 203.0.113.0/24 203.0.113.0/28 "; got != want {
		t.Errorf("routes are in the order %s; want %s", got, want)
	}
	if first := routes[2].NextHops[0].Address; first != addr("10.0.0.1") {
		t.Errorf("the first next hop is %v", first)
	}
	sessions := []bgp.Session{{Router: "r2", Peer: addr("10.0.0.1")}, {Router: "r1", Peer: addr("10.0.0.10")}, {Router: "r1", Peer: addr("10.0.0.9")}}
	bgp.SortSessions(sessions)
	if sessions[0].Peer != addr("10.0.0.9") || sessions[2].Router != "r2" {
		t.Errorf("sessions are in the order %v", sessions)
	}
}

func TestUnusable(t *testing.T) {
	hop, peer := netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.9")
	for name, c := range map[string]struct {
		r    bgp.Route
		want string
	}{
		"no route":          {bgp.Route{}, ""},
		"used":              {bgp.Route{NextHops: []bgp.NextHop{{Address: hop}}, Paths: []bgp.Path{{NextHops: []netip.Addr{hop}}}}, ""},
		"usable and unused": {bgp.Route{Paths: []bgp.Path{{Valid: true, NextHops: []netip.Addr{hop}}}}, ""},
		"unreachable":       {bgp.Route{Paths: []bgp.Path{{NextHops: []netip.Addr{hop}}, {NextHops: []netip.Addr{hop}}}}, "not usable: 192.0.2.2"},
		"peer alone":        {bgp.Route{Paths: []bgp.Path{{Peer: peer}}}, "not usable: 192.0.2.9"},
	} {
		if got := c.r.Unusable(); got != c.want {
			t.Errorf("%s: seen %q, want %q", name, got, c.want)
		}
	}
}
