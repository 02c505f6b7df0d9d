package router_test

import (
	"net/netip"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
)

func neighbor(name string, id netip.Addr) plan.OSPFNeighbor {
	return plan.OSPFNeighbor{Name: name, Interface: "core", RouterID: id}
}

func TestWrongAdjacencies(t *testing.T) {
	id := func(n byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 255, 0, n}) }
	r := plan.Router{OSPF: &plan.OSPF{Neighbors: []plan.OSPFNeighbor{neighbor("r2", id(2)), neighbor("r3", id(3)), neighbor("r4", id(4))}}}
	near := func(n byte, state string) router.Adjacency {
		return router.Adjacency{ID: id(n), Interface: "core", State: state}
	}
	both := r
	both.Networks = []plan.Attachment{{Network: "core", Address6: netip.MustParseAddr("2001:db8::1")}}
	for _, c := range []struct {
		name, want string
		r          plan.Router
		seen       []router.Adjacency
	}{
		{"all Full", "", r, []router.Adjacency{near(2, "Full"), near(3, "Full"), near(4, "Full")}},
		{"2-Way beside DR and BDR", "", r, []router.Adjacency{near(2, "Full"), near(3, "Full"), near(4, "2-Way")}},
		{"2-Way while waiting", "OSPFv2 neighbour r3 on core is 2-Way, not Full; OSPFv2 neighbour r4 on core is 2-Way, not Full", r, []router.Adjacency{near(2, "Full"), near(3, "2-Way"), near(4, "2-Way")}},
		{"absent", "OSPFv2 neighbour r4 on core is not there", r, []router.Adjacency{near(2, "Full"), near(3, "Full")}},
		{"elsewhere", "OSPFv2 neighbour r4 on core is not there", r, []router.Adjacency{near(2, "Full"), near(3, "Full"), {ID: id(4), Interface: "edge", State: "Full"}}},
		{"no OSPFv3", "OSPFv3 neighbour r2 on core is not there; OSPFv3 neighbour r3 on core is not there; OSPFv3 neighbour r4 on core is not there", both, []router.Adjacency{near(2, "Full"), near(3, "Full"), near(4, "Full")}},
		{"no OSPF", "", plan.Router{}, nil},
	} {
		if _, wrong := router.WrongAdjacencies(c.r, c.seen); strings.Join(wrong, "; ") != c.want {
			t.Errorf("%s: seen %q, want %q", c.name, strings.Join(wrong, "; "), c.want)
		}
	}
}
