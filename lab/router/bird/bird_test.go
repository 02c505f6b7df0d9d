package bird

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

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

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
			Ranges:    []plan.Range{{Name: "nodes", Prefix: netip.MustParsePrefix("10.89.0.0/24"), ASN: 64512, Sessions: 3}},
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

func TestRender(t *testing.T) {
	tests := []struct {
		name   string
		change func(*plan.Router)
	}{
		{"ibgp-and-nodes", func(*plan.Router) {}},
		{"graceful-restart", func(r *plan.Router) { r.BGP.GracefulRestart = true }},
		{"ibgp-beside-the-nodes", func(r *plan.Router) { r.BGP.Neighbors[0].Address = addr("192.0.2.3") }},
		{"ebgp-only", func(r *plan.Router) {
			r.BGP.Ranges = nil
			r.BGP.Neighbors = []plan.Neighbor{{Name: "direct", Address: addr("192.0.2.3"), ASN: 4200000000}}
		}},
		{"no-bgp", func(r *plan.Router) { r.BGP = nil }},
		{"every-option", everyOption},
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
			if want := read(t, tt.name+".conf"); got != string(want) {
				t.Errorf("bird.conf differs from %s (-update writes it anew); got:\n%s", path, got)
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

// The text in testdata is BIRD 2.0.12's, of a router with an internal peer, one that refuses, and two nodes.
func TestParseSessions(t *testing.T) {
	got, err := parseSessions("r1", read(t, "protocols.txt"))
	if err != nil {
		t.Fatal(err)
	}
	node := bgp.Session{
		Router: "r1", PeerASN: 64512, LocalASN: 64513, State: bgp.Established, HoldTime: 9 * time.Second, Keepalive: 3 * time.Second, PrefixesReceived: 1,
	}
	r2, n11, n12 := node, node, node
	r2.Peer, r2.PeerName, r2.PeerASN, r2.Uptime, r2.PrefixesSent = addr("172.31.240.3"), "r2", 64513, 1712*time.Millisecond, 1
	n11.Peer, n11.PeerName, n11.Uptime = addr("172.31.240.11"), "c3e9bfc1fe6a", 2267*time.Millisecond
	n12.Peer, n12.Uptime, n12.PrefixesSent = addr("172.31.240.12"), 1710*time.Millisecond, 1
	r3 := bgp.Session{
		Router: "r1", Peer: addr("172.31.240.4"), PeerName: "r3", PeerASN: 64514, LocalASN: 64513, State: bgp.Active, Reason: "Socket: Connection refused",
	}
	want := []bgp.Session{r2, r3, n11, n12}
	if len(got) != len(want) {
		t.Fatalf("%d sessions; wanted %d: %+v", len(got), len(want), got)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("session %d:\n got  %+v\n want %+v", i, got[i], want[i])
		}
	}
	if id := parseRouterID(read(t, "protocols.txt")); id != addr("172.31.240.2") {
		t.Errorf("router ID is %v", id)
	}
}

func TestParseRIB(t *testing.T) {
	got, err := parseRIB(parseProtocols(read(t, "protocols.txt")), read(t, "routes.txt"), read(t, "export.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Protocol != "bgp" {
		t.Fatalf("got %+v", got)
	}
	if r := got[0]; !r.Via(addr("172.31.240.11"), addr("172.31.240.12")) {
		t.Errorf("next hops are %v; wanted those of the two external paths", r.NextHops)
	}
	internal, best, multi := got[0].Paths[0], got[0].Paths[1], got[0].Paths[2]
	if !internal.Internal || internal.Best || internal.Multipath || !internal.Valid || internal.Peer != addr("172.31.240.3") {
		t.Errorf("the internal path is %+v", internal)
	}
	if !best.Best || best.Multipath || best.Peer != addr("172.31.240.11") || best.ASPath != "64512" {
		t.Errorf("the best path is %+v", best)
	}
	if multi.Best || !multi.Multipath || multi.Internal || multi.NextHops[0] != addr("172.31.240.12") {
		t.Errorf("the multipath is %+v", multi)
	}
	if r := got[1]; len(r.NextHops) != 0 || r.Paths[0].Valid {
		t.Errorf("a route whose next hop cannot be reached is %+v", r)
	}
}

func TestParseWhatIsEmptyOrWrong(t *testing.T) {
	if r, err := parseRIB(nil, []byte("BIRD 2.0.12 ready.\n"), []byte("BIRD 2.0.12 ready.\n")); err != nil || len(r) != 0 {
		t.Errorf("no routes: %v, %v", r, err)
	}
	if s, err := parseSessions("r1", []byte("BIRD 2.0.12 ready.\n")); err == nil {
		t.Errorf("without a time: %v", s)
	}
	if _, err := parseRIB(nil, []byte("                     unicast [r2 2026-11-21 08:54:23.936] (100)\n"), nil); err == nil {
		t.Error("a path without a prefix was read")
	}
}

func TestPickFindsProtocolsOfPeers(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "protocols.txt"))
	if err != nil {
		t.Fatal(err)
	}
	all := parseProtocols(data)
	var addresses []netip.Addr
	for _, name := range []string{"nodes1", "to-r2"} {
		addresses = append(addresses, addr(all[name].fields["Neighbor address"]))
	}
	for _, test := range []struct {
		name                string
		of                  bgp.Peers
		listening, sessions string
	}{
		{"all", bgp.Peers{}, "to-nodes", "nodes1 nodes2 to-r2 to-r3"},
		{"a range", bgp.Peers{Ranges: []string{"nodes"}}, "to-nodes", "nodes1 nodes2"},
		{"one of a range", bgp.Peers{Addresses: addresses[:1]}, "", "nodes1"},
		{"a neighbour", bgp.Peers{Addresses: addresses[1:]}, "", "to-r2"},
		{"nobody", bgp.Peers{Ranges: []string{"node"}}, "", ""},
	} {
		listening, sessions := pick(all, test.of, speaker().BGP.Ranges)
		if l, s := strings.Join(listening, " "), strings.Join(sessions, " "); l != test.listening || s != test.sessions {
			t.Errorf("%s: listening %q, sessions %q; wanted %q, %q", test.name, l, s, test.listening, test.sessions)
		}
	}
}
