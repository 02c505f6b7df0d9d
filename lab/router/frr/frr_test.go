package frr

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

var update = flag.Bool("update", false, "write the golden files anew")

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// speaker is r1 of the default lab: internal peer and nodes on one network.
func speaker() plan.Router {
	return plan.Router{
		Name: "r1",
		Networks: []plan.Attachment{
			{Network: "fabric", Address: addr("10.89.0.2"), Bits: 24},
			{Network: "edge", Address: addr("192.0.2.2"), Bits: 24},
		},
		BGP: &plan.Speaker{
			ASN: 64513, RouterID: addr("10.89.0.2"), HoldTime: 9 * time.Second, Keepalive: 3 * time.Second, MaximumPaths: 16,
			Neighbors: []plan.Neighbor{{Name: "r2", Address: addr("10.89.0.3"), ASN: 64513}},
			Ranges:    []plan.Range{{Name: "nodes", Prefix: prefix("10.89.0.0/24"), ASN: 64512, Sessions: 3}},
		},
	}
}

// everyOption has an internal peer and two external ones, each with what can be said of such a peer.
func everyOption(r *plan.Router) {
	number := func(n uint32) *uint32 { return &n }
	bfd := &scenario.BFD{Interval: scenario.Duration(100 * time.Millisecond), Multiplier: 3}
	r.BGP.Announce = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	r.BGP.Neighbors[0].Peering = plan.Peering{
		BFD: bfd, Password: "a+b/c=", RouteReflectorClient: true, MaxPrefixes: 100,
		Import: &scenario.RoutePolicy{LocalPref: number(200), Communities: []scenario.Community{"64513:100", "64513:200"}},
	}
	r.BGP.Neighbors = append(r.BGP.Neighbors,
		plan.Neighbor{Name: "r3", Address: addr("192.0.2.3"), ASN: 64514, Peering: plan.Peering{
			BFD: bfd, TTLSecurity: 1, Export: &scenario.RoutePolicy{MED: number(50), Communities: []scenario.Community{"64513:300"}},
		}},
		plan.Neighbor{Name: "r4", Address: addr("192.0.2.4"), ASN: 64515, Peering: plan.Peering{Multihop: 2}})
	r.BGP.Ranges[0].Peering = plan.Peering{MaxPrefixes: 50, Import: &scenario.RoutePolicy{LocalPref: number(150)}}
}

// dualStack has a second session with the internal peer, and with each node, over IPv6.
func dualStack(r *plan.Router) {
	r.Networks[0].Address6, r.Networks[1].Address6 = addr("2001:db8:1::11"), addr("2001:db8:2::11")
	r.BGP.Neighbors = append(r.BGP.Neighbors, plan.Neighbor{Name: "r2", Address: addr("2001:db8:1::12"), ASN: 64513})
	r.BGP.Ranges = append(r.BGP.Ranges, plan.Range{Name: "nodes6", Prefix: prefix("2001:db8:1::64:0/112"), ASN: 64512, Sessions: 3})
}

func TestRender(t *testing.T) {
	tests := []struct {
		name   string
		change func(*plan.Router)
	}{
		{"ibgp-and-nodes", func(*plan.Router) {}},
		{"graceful-restart", func(r *plan.Router) { r.BGP.GracefulRestart = true }},
		{"shortest-hold-time", func(r *plan.Router) { r.BGP.HoldTime, r.BGP.Keepalive = 3*time.Second, time.Second }},
		{"ibgp-beside-the-nodes", func(r *plan.Router) { r.BGP.Neighbors[0].Address = addr("192.0.2.3") }},
		{"ebgp-only", func(r *plan.Router) {
			r.BGP.Ranges = nil
			r.BGP.Neighbors = []plan.Neighbor{{Name: "r3", Address: addr("192.0.2.3"), ASN: 4200000000}}
		}},
		{"dual-stack", dualStack},
		{"no-bgp", func(r *plan.Router) { r.BGP = nil }},
		{"every-option", everyOption},
		{"every-option-dual-stack", func(r *plan.Router) {
			everyOption(r)
			dualStack(r)
			r.BGP.Announce = append(r.BGP.Announce, prefix("2001:db8:2::/64"))
			r.BGP.Neighbors[3].Peering = r.BGP.Neighbors[0].Peering
			r3 := r.BGP.Neighbors[1]
			r3.Address = addr("2001:db8:2::13")
			r.BGP.Neighbors = append(r.BGP.Neighbors, r3)
			r.BGP.Ranges[1].Peering = r.BGP.Ranges[0].Peering
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := speaker()
			tt.change(&r)
			got, err := Render(r)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", tt.name+".conf")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("frr.conf differs from %s (-update writes it anew); got:\n%s", path, got)
			}
		})
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The JSON in testdata is FRR 8.4.4's, of a router with an internal peer r1 and two nodes that dialled in.
func TestParseNeighbors(t *testing.T) {
	got, err := parseNeighbors("r2", read(t, "neighbors.json"))
	if err != nil {
		t.Fatal(err)
	}
	node := bgp.Session{
		Router: "r2", PeerASN: 64512, LocalASN: 64513, State: bgp.Established,
		HoldTime: 9 * time.Second, Keepalive: 3 * time.Second, PrefixesReceived: 1, PrefixesSent: 1,
	}
	r1, n11, n12 := node, node, node
	r1.Peer, r1.PeerName, r1.PeerASN, r1.Uptime = addr("172.31.201.2"), "r1", 64513, 12*time.Second
	n11.Peer, n11.PeerName, n11.Uptime = addr("172.31.201.11"), "n11", 2*time.Second
	n12.Peer, n12.PeerName, n12.Uptime = addr("172.31.201.12"), "n12", 3*time.Second
	equal(t, got, []bgp.Session{r1, n11, n12})
}

func TestParseNeighborsSaysWhyASessionIsDown(t *testing.T) {
	got, err := parseNeighbors("r2", read(t, "neighbors-down.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := bgp.Session{
		Router: "r2", Peer: addr("172.31.201.2"), PeerName: "r1", PeerASN: 64513, LocalASN: 64513,
		State: bgp.Active, Reason: "Peer closed the session", HoldTime: 9 * time.Second, Keepalive: 3 * time.Second,
	}
	equal(t, got[:1], []bgp.Session{want})
}

func TestParseRIB(t *testing.T) {
	got, err := parseRIB(read(t, "rib.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Prefix != prefix("203.0.113.50/32") || got[0].Protocol != "bgp" {
		t.Fatalf("got %+v", got)
	}
	r := got[0]
	if !r.Via(addr("172.31.201.11"), addr("172.31.201.12")) {
		t.Errorf("next hops are %v; wanted those of the two external paths", r.NextHops)
	}
	if len(r.Paths) != 3 {
		t.Fatalf("paths are %+v", r.Paths)
	}
	internal, multi, best := r.Paths[0], r.Paths[1], r.Paths[2]
	if !internal.Internal || internal.Best || internal.Multipath || !internal.Valid || internal.NextHops[0] != addr("172.31.201.12") {
		t.Errorf("the internal path is %+v", internal)
	}
	if multi.Internal || multi.Best || !multi.Multipath || multi.ASPath != "64512" {
		t.Errorf("the multipath is %+v", multi)
	}
	if !best.Best || best.Multipath || best.Peer != addr("172.31.201.12") {
		t.Errorf("the best path is %+v", best)
	}
}

func TestParseWhatIsEmptyOrWrong(t *testing.T) {
	if s, err := parseNeighbors("r1", []byte("{\n}\n")); err != nil || len(s) != 0 {
		t.Errorf("no neighbors: %v, %v", s, err)
	}
	if r, err := parseRIB([]byte(` {"vrfId": 0, "routes": {  }  } `)); err != nil || len(r) != 0 {
		t.Errorf("no routes: %v, %v", r, err)
	}
	// What vtysh writes while bgpd is being started.
	_, err := parseNeighbors("r1", []byte("bgpd is not running\n"))
	if err == nil || !strings.Contains(err.Error(), `"bgpd is not running`) {
		t.Errorf("the error does not show what was read: %v", err)
	}
	id, peers, err := parseInstance([]byte(`{"vrfs":{"default":{"type":"DFLT","routerId":"172.31.201.2","numConfiguredPeers":1}},"totalVrfs":1}`))
	if err != nil || id != addr("172.31.201.2") || peers != 1 {
		t.Errorf("instance: %v, %d, %v", id, peers, err)
	}
	if id, _, err := parseInstance([]byte(`{"vrfs":{},"totalVrfs":0}`)); err != nil || id.IsValid() {
		t.Errorf("no instance yet: %v, %v", id, err)
	}
}

func equal(t *testing.T, got, want []bgp.Session) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d sessions; wanted %d: %+v", len(got), len(want), got)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("session %d:\n got  %+v\n want %+v", i, got[i], want[i])
		}
	}
}
