package bird

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/router/internal/routertest"
)

func TestRender(t *testing.T) {
	routertest.Render(t, Render, map[string]func(*plan.Router){
		"ibgp-and-nodes.conf":        func(*plan.Router) {},
		"graceful-restart.conf":      func(r *plan.Router) { r.BGP.GracefulRestart = true },
		"ibgp-beside-the-nodes.conf": func(r *plan.Router) { r.BGP.Neighbors[0].Address = routertest.Addr("192.0.2.3") },
		"ebgp-only.conf": func(r *plan.Router) {
			r.BGP.Ranges = nil
			r.BGP.Neighbors = []plan.Neighbor{{Name: "direct", Address: routertest.Addr("192.0.2.3"), ASN: 4200000000}}
		},
		"no-bgp.conf":       func(r *plan.Router) { r.BGP = nil },
		"every-option.conf": routertest.EveryOption,
		"sessions.conf":     routertest.SessionOptions,
		"ospf.conf":         routertest.OSPF,
		"ospf-only.conf":    routertest.OSPFOnly,
		"policies.conf":     routertest.Policies,
		"families.conf":     routertest.Families,
		"next-hops6.conf":   routertest.NextHops6,
	})
}

// The text in testdata is from BIRD 2.0.12, on a router with an internal peer, a peer that refuses, and two nodes.
func TestParseSessions(t *testing.T) {
	got, err := parseSessions("r1", routertest.Read(t, "protocols.txt"))
	if err != nil {
		t.Fatal(err)
	}
	node := bgp.Session{
		Router: "r1", PeerASN: 64512, LocalASN: 64513, State: bgp.Established, HoldTime: 9 * time.Second, Keepalive: 3 * time.Second, PrefixesReceived: 1,
	}
	r2, n11, n12 := node, node, node
	r2.Peer, r2.PeerName, r2.PeerASN, r2.Uptime, r2.PrefixesSent = routertest.Addr("172.31.240.3"), "r2", 64513, 1712*time.Millisecond, 1
	n11.Peer, n11.PeerName, n11.Uptime = routertest.Addr("172.31.240.11"), "c3e9bfc1fe6a", 2267*time.Millisecond
	n12.Peer, n12.Uptime, n12.PrefixesSent = routertest.Addr("172.31.240.12"), 1710*time.Millisecond, 1
	r3 := bgp.Session{
		Router: "r1", Peer: routertest.Addr("172.31.240.4"), PeerName: "r3", PeerASN: 64514, LocalASN: 64513, State: bgp.Active, Reason: "Socket: Connection refused",
	}
	want := []bgp.Session{r2, r3, n11, n12}
	routertest.Sessions(t, got, want)
	if id := parseRouterID(routertest.Read(t, "protocols.txt")); id != routertest.Addr("172.31.240.2") {
		t.Errorf("router ID is %v", id)
	}
}

// The lines are from BIRD 2.0.12.
func TestParseBFD(t *testing.T) {
	got := parseBFD([]byte("bfd1:\n" +
		"IP address                Interface  State      Since         Interval  Timeout\n" +
		"172.30.1.12               middle     Up         2026-11-30 02:42:21.448    0.100    0.300\n" +
		"172.30.1.13               middle     Down       2026-11-30 02:42:21.448    1.000    0.000\n"))
	want := map[netip.Addr]string{routertest.Addr("172.30.1.12"): "Up", routertest.Addr("172.30.1.13"): "Down"}
	if !maps.Equal(got, want) {
		t.Errorf("seen %v, want %v", got, want)
	}
}

func TestParseRIB(t *testing.T) {
	got, err := parseRIB(parseProtocols(routertest.Read(t, "protocols.txt")), routertest.Read(t, "routes.txt"), routertest.Read(t, "export.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Protocol != "bgp" {
		t.Fatalf("got %+v", got)
	}
	if r := got[0]; !r.Via(routertest.Addr("172.31.240.11"), routertest.Addr("172.31.240.12")) {
		t.Errorf("next hops are %v; wanted those of the two external paths", r.NextHops)
	}
	internal, best, multi := got[0].Paths[0], got[0].Paths[1], got[0].Paths[2]
	if !internal.Internal || internal.Best || internal.Multipath || !internal.Valid || internal.Peer != routertest.Addr("172.31.240.3") {
		t.Errorf("the internal path is %+v", internal)
	}
	if !best.Best || best.Multipath || best.Peer != routertest.Addr("172.31.240.11") || best.ASPath != "64512" {
		t.Errorf("the best path is %+v", best)
	}
	if best.Origin != "IGP" || best.MED == nil || best.LocalPref == nil || *best.LocalPref != 100 || multi.MED != nil {
		t.Errorf("the attributes are %+v and %+v", best.Attributes, multi.Attributes)
	}
	attribute(&best, "community", "(64512,99) (65535,65281)")
	attribute(&best, "large_community", "(64512, 100, 50) (64512, 100, 51)")
	if len(best.Communities) != 2 || best.Communities[1] != "no-export" || len(best.LargeCommunities) != 2 || best.LargeCommunities[0] != "64512:100:50" {
		t.Errorf("the communities are %q and %q", best.Communities, best.LargeCommunities)
	}
	if multi.Best || !multi.Multipath || multi.Internal || multi.NextHops[0] != routertest.Addr("172.31.240.12") {
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
	all := parseProtocols(routertest.Read(t, "protocols.txt"))
	speaker := plan.Speaker{
		Neighbors: []plan.Neighbor{{Name: "r2", Address: routertest.Addr("172.31.240.3")}, {Name: "r3", Address: routertest.Addr("172.31.240.4")}},
		Ranges:    []plan.Range{{Name: "nodes", Prefix: netip.MustParsePrefix("172.31.240.0/24")}},
	}
	var addresses []netip.Addr
	for _, name := range []string{"nodes1", "to-r2"} {
		addresses = append(addresses, routertest.Addr(all[name].fields["Neighbor address"]))
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
		listening, sessions := pick(all, test.of, &speaker)
		if l, s := strings.Join(listening, " "), strings.Join(sessions, " "); l != test.listening || s != test.sessions {
			t.Errorf("%s: listening %q, sessions %q; wanted %q, %q", test.name, l, s, test.listening, test.sessions)
		}
	}
}

// A protocol's name comes from BIRD's output. A shell in the router's container never reads the name.
func TestNamesReachBirdcAndNoShell(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "birdc"), []byte("#!/bin/sh\nprintf '<%s>' \"$@\"\n[ \"$1\" != fails ]\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	evil := `restart "x'; touch pwned; '$(touch pwned)"`
	for _, c := range []struct {
		commands []string
		want     string
		ok       bool
	}{{[]string{"show status", evil}, "<show status><" + evil + ">", true}, {[]string{"fails", "show status"}, "<fails>", false}} {
		cmd := exec.Command("sh", append([]string{"-c", eachCommand, "birdc"}, c.commands...)...)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + dir + ":/usr/bin:/bin"}
		out, err := cmd.Output()
		if string(out) != c.want || (err == nil) != c.ok {
			t.Errorf("%q: %q, %v", c.commands, out, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
			t.Error("the shell executed a name")
		}
	}
}

// The time to read a table grows in proportion to the size. Quadratic growth took minutes for 200,000 routes.
func TestALargeTableIsReadSoon(t *testing.T) {
	var b strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&b, "10.%d.%d.%d/32 unicast [r1 2026-11-20] * (100) [AS64512i]\n\tvia 192.0.2.1 on eth0\n", i>>16, i>>8&255, i&255)
	}
	began := time.Now()
	routes, err := parseRIB(nil, []byte(b.String()), []byte(b.String()))
	if took := time.Since(began); err != nil || len(routes) != 200_000 || len(routes[7].NextHops) != 1 || took > time.Minute {
		t.Errorf("%d routes in %v, %v", len(routes), took, err)
	}
}

// From BIRD 2.0.12.
func TestParseOSPF(t *testing.T) {
	got := parseOSPF([]byte(`BIRD 2.0.12 ready.
ospf4:
Router ID   	Pri	     State     	DTime	Interface  Router IP
172.30.4.13 	  1	Full/DR   	 3.906	d          172.30.5.13
172.30.2.12 	  1	2-Way/Other	 3.509	b          172.30.3.12
`), false)
	want := []router.Adjacency{{ID: routertest.Addr("172.30.4.13"), Interface: "d", State: "Full"}, {ID: routertest.Addr("172.30.2.12"), Interface: "b", State: "2-Way"}}
	if !slices.Equal(got, want) {
		t.Errorf("seen %+v, want %+v", got, want)
	}
}
