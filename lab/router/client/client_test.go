package client

import (
	"net/netip"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
)

func TestStanding(t *testing.T) {
	via, other := netip.MustParseAddr("192.0.2.250"), netip.MustParseAddr("192.0.2.1")
	at := plan.Attachment{Network: "edge", Address: netip.MustParseAddr("192.0.2.10"), Bits: 24}
	link := bgp.Route{Prefix: netip.MustParsePrefix("192.0.2.0/24"), NextHops: []bgp.NextHop{{Interface: "edge"}}}
	unnamed := bgp.Route{Prefix: link.Prefix, NextHops: []bgp.NextHop{{Interface: "eth0"}}}
	def := func(a netip.Addr) bgp.Route {
		return bgp.Route{Prefix: netip.MustParsePrefix("0.0.0.0/0"), NextHops: []bgp.NextHop{{Address: a, Interface: "edge"}}}
	}
	tests := []struct {
		name   string
		routes []bgp.Route
		via    netip.Addr
		want   string
	}{
		{"link and gateway", []bgp.Route{def(via), link}, via, ""},
		{"link only, as planned", []bgp.Route{link}, netip.Addr{}, ""},
		{"interface not named yet", []bgp.Route{unnamed}, via, "no route to 192.0.2.0/24 by interface edge"},
		{"engine's route still there", []bgp.Route{def(other), link}, via, "wanted is next hop 192.0.2.250"},
		{"a route that was not planned", []bgp.Route{def(other), link}, netip.Addr{}, "default route"},
		{"no gateway yet", []bgp.Route{link}, via, "wanted is next hop 192.0.2.250"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := standing(tt.routes, plan.Client{Network: at, Via: tt.via})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestStandingOnLink(t *testing.T) {
	pool := netip.MustParsePrefix("198.51.100.0/24")
	at := plan.Attachment{Network: "fabric", Address: netip.MustParseAddr("192.0.2.201"), Bits: 24}
	link := bgp.Route{Prefix: netip.MustParsePrefix("192.0.2.0/24"), NextHops: []bgp.NextHop{{Interface: "fabric"}}}
	c := plan.Client{Network: at, OnLink: []netip.Prefix{pool}}
	if err := standing([]bgp.Route{link}, c); err == nil || !strings.Contains(err.Error(), "no route to 198.51.100.0/24") {
		t.Errorf("without the pool's route: %v", err)
	}
	if err := standing([]bgp.Route{link, {Prefix: pool, NextHops: []bgp.NextHop{{Interface: "fabric"}}}}, c); err != nil {
		t.Error(err)
	}
}
