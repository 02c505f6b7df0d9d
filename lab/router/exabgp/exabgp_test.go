package exabgp

import (
	"net/netip"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/routertest"
)

func TestRender(t *testing.T) {
	plain := func(r *plan.Router) { r.BGP.Ranges = nil }
	routertest.Render(t, Render, map[string]func(*plan.Router){
		"ibgp.conf":             plain,
		"no-bgp.conf":           func(r *plan.Router) { r.BGP = nil },
		"graceful-restart.conf": func(r *plan.Router) { plain(r); r.BGP.GracefulRestart = true },
		"every-option.conf":     func(r *plan.Router) { routertest.EveryOption(r); plain(r) },
		"families.conf":         func(r *plan.Router) { routertest.Families(r); plain(r) },
	})
}

// The texts in testdata are from ExaBGP 4.2.21, of an established session with one route received and two routes sent.
func TestSessions(t *testing.T) {
	r := routertest.Speaker()
	r.BGP.Neighbors = []plan.Neighbor{{Name: "r1", Address: routertest.Addr("127.0.0.3"), ASN: 64514}, {Name: "r9", Address: routertest.Addr("192.0.2.9"), ASN: 64515}}
	got, err := sessions(r, routertest.Read(t, "neighbors.txt"), routertest.Read(t, "in.txt"), routertest.Read(t, "out.txt"))
	if err != nil {
		t.Fatal(err)
	}
	up := bgp.Session{
		Router: "r1", Peer: routertest.Addr("127.0.0.3"), PeerName: "r1", PeerASN: 64514, LocalASN: 64513, State: bgp.Established,
		HoldTime: 9 * time.Second, Keepalive: 3 * time.Second, Uptime: 7 * time.Second, PrefixesReceived: 1, PrefixesSent: 2,
	}
	down := bgp.Session{Router: "r1", Peer: routertest.Addr("192.0.2.9"), PeerName: "r9", PeerASN: 64515, LocalASN: 64513}
	routertest.Sessions(t, got, []bgp.Session{up, down})
	if n, err := parseNeighbors([]byte("Neighbor 192.0.2.1\n   state    CONNECT\n   up for   2 days, 1:00:05\n")); err != nil || n[routertest.Addr("192.0.2.1")].up != 49*time.Hour+5*time.Second {
		t.Errorf("seen %v, %v, want 49 hours and 5 seconds", n, err)
	}
}

func TestParseRIB(t *testing.T) {
	got, err := parseRIB(routertest.Read(t, "in.txt"))
	if err != nil || len(got) != 1 || got[0].Prefix != netip.MustParsePrefix("198.51.100.0/24") || len(got[0].NextHops) != 0 {
		t.Fatalf("seen %+v, %v", got, err)
	}
	if p := got[0].Paths[0]; len(got[0].Paths) != 1 || p.Peer != routertest.Addr("127.0.0.3") || p.ASPath != "64514" || p.Internal || p.NextHops[0] != routertest.Addr("127.0.0.3") {
		t.Errorf("seen the path %+v", p)
	}
	if a := got[0].Paths[0].Attributes; a.MED == nil || *a.MED != 50 || a.Origin != "IGP" || a.LocalPref != nil || len(a.Communities) != 2 || a.Communities[1] != "64513:301" {
		t.Errorf("seen the attributes %+v", a)
	}
	if _, err := parseRIB([]byte("neighbor x local-ip y local-as 1 peer-as 2 router-id z ipv4 unicast 10.0.0.0/8 next-hop self\n")); err == nil {
		t.Error("a line without addresses was read")
	}
}
