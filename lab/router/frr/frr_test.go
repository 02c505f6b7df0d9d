package frr

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/router/internal/routertest"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// dualStack has a second session with the internal peer, and with each node, over IPv6.
func dualStack(r *plan.Router) {
	r.Networks[0].Address6, r.Networks[1].Address6 = routertest.Addr("2001:db8:1::11"), routertest.Addr("2001:db8:2::11")
	r.BGP.Neighbors = append(r.BGP.Neighbors, plan.Neighbor{Name: "r2", Address: routertest.Addr("2001:db8:1::12"), ASN: 64513})
	r.BGP.Ranges = append(r.BGP.Ranges, plan.Range{Name: "nodes6", Prefix: prefix("2001:db8:1::64:0/112"), ASN: 64512, Sessions: 3})
}

func TestRender(t *testing.T) {
	routertest.Render(t, Render, map[string]func(*plan.Router){
		"ibgp-and-nodes.conf":        func(*plan.Router) {},
		"graceful-restart.conf":      func(r *plan.Router) { r.BGP.GracefulRestart = true },
		"shortest-hold-time.conf":    func(r *plan.Router) { r.BGP.HoldTime, r.BGP.Keepalive = 3*time.Second, time.Second },
		"ibgp-beside-the-nodes.conf": func(r *plan.Router) { r.BGP.Neighbors[0].Address = routertest.Addr("192.0.2.3") },
		"ebgp-only.conf": func(r *plan.Router) {
			r.BGP.Ranges = nil
			r.BGP.Neighbors = []plan.Neighbor{{Name: "r3", Address: routertest.Addr("192.0.2.3"), ASN: 4200000000}}
		},
		"dual-stack.conf":   dualStack,
		"no-bgp.conf":       func(r *plan.Router) { r.BGP = nil },
		"every-option.conf": routertest.EveryOption,
		"sessions.conf":     routertest.SessionOptions,
		"ospf.conf":         routertest.OSPF,
		"ospf-only.conf":    routertest.OSPFOnly,
		"policies.conf":     routertest.Policies,
		"families.conf":     routertest.Families,
		"next-hops6.conf":   routertest.NextHops6,
		"every-option-dual-stack.conf": func(r *plan.Router) {
			routertest.EveryOption(r)
			dualStack(r)
			r.BGP.Announce = append(r.BGP.Announce, prefix("2001:db8:2::/64"))
			r.BGP.Neighbors[3].Peering = r.BGP.Neighbors[0].Peering
			r3 := r.BGP.Neighbors[1]
			r3.Address = routertest.Addr("2001:db8:2::13")
			r.BGP.Neighbors = append(r.BGP.Neighbors, r3)
			r.BGP.Ranges[1].Peering = r.BGP.Ranges[0].Peering
		},
	})
}

// The JSON in testdata is from FRR 8.4.4, on a router with an internal peer r1 and two nodes that dialled in.
func TestParseNeighbors(t *testing.T) {
	got, err := parseNeighbors("r2", routertest.Read(t, "neighbors.json"), netip.ParseAddr)
	if err != nil {
		t.Fatal(err)
	}
	node := bgp.Session{
		Router: "r2", PeerASN: 64512, LocalASN: 64513, State: bgp.Established,
		HoldTime: 9 * time.Second, Keepalive: 3 * time.Second, PrefixesReceived: 1, PrefixesSent: 1,
	}
	r1, n11, n12 := node, node, node
	r1.Peer, r1.PeerName, r1.PeerASN, r1.Uptime = routertest.Addr("172.31.201.2"), "r1", 64513, 12*time.Second
	n11.Peer, n11.PeerName, n11.Uptime = routertest.Addr("172.31.201.11"), "n11", 2*time.Second
	n12.Peer, n12.PeerName, n12.Uptime = routertest.Addr("172.31.201.12"), "n12", 3*time.Second
	routertest.Sessions(t, got, []bgp.Session{r1, n11, n12})
}

func TestParseGracefulRestart(t *testing.T) {
	got, err := parseNeighbors("r1", []byte(`{
		"172.31.201.11": {"neighborCapabilities": {"gracefulRestart": "advertisedAndReceived"}},
		"172.31.201.12": {"neighborCapabilities": {"gracefulRestart": "received"}},
		"172.31.201.13": {}, "vrfName": "default"}`), netip.ParseAddr)
	if err != nil || len(got) != 3 || !got[0].GracefulRestart || got[1].GracefulRestart || got[2].GracefulRestart {
		t.Errorf("seen %+v, %v; want graceful restart with the first peer only", got, err)
	}
}

func TestParseBFD(t *testing.T) {
	got, err := parseNeighbors("r1", []byte(`{
		"172.31.201.11": {"peerBfdInfo": {"type": "single hop", "detectMultiplier": 3, "rxMinInterval": 300, "txMinInterval": 300, "status": "Up", "lastUpdate": "0:00:00:03"}},
		"172.31.201.12": {"peerBfdInfo": {"status": "Admin Down"}},
		"172.31.201.13": {}}`), netip.ParseAddr)
	if err != nil || len(got) != 3 || got[0].BFD != "Up" || got[1].BFD != "AdminDown" || got[2].BFD != "" {
		t.Errorf("seen %+v, %v; want BFD that is Up, that is AdminDown, and none", got, err)
	}
}

func TestParseNeighborsSaysWhyASessionIsDown(t *testing.T) {
	got, err := parseNeighbors("r2", routertest.Read(t, "neighbors-down.json"), netip.ParseAddr)
	if err != nil {
		t.Fatal(err)
	}
	want := bgp.Session{
		Router: "r2", Peer: routertest.Addr("172.31.201.2"), PeerName: "r1", PeerASN: 64513, LocalASN: 64513,
		State: bgp.Active, Reason: "Peer closed the session", HoldTime: 9 * time.Second, Keepalive: 3 * time.Second,
	}
	routertest.Sessions(t, got[:1], []bgp.Session{want})
}

func TestParseRIB(t *testing.T) {
	got, err := parseRIB(routertest.Read(t, "rib.json"), netip.ParseAddr)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Prefix != prefix("203.0.113.50/32") || got[0].Protocol != "bgp" {
		t.Fatalf("got %+v", got)
	}
	r := got[0]
	if !r.Via(routertest.Addr("172.31.201.11"), routertest.Addr("172.31.201.12")) {
		t.Errorf("next hops are %v; wanted those of the two external paths", r.NextHops)
	}
	if len(r.Paths) != 3 {
		t.Fatalf("paths are %+v", r.Paths)
	}
	internal, multi, best := r.Paths[0], r.Paths[1], r.Paths[2]
	if !internal.Internal || internal.Best || internal.Multipath || !internal.Valid || internal.NextHops[0] != routertest.Addr("172.31.201.12") {
		t.Errorf("the internal path is %+v", internal)
	}
	if multi.Internal || multi.Best || !multi.Multipath || multi.ASPath != "64512" {
		t.Errorf("the multipath is %+v", multi)
	}
	if !best.Best || best.Multipath || best.Peer != routertest.Addr("172.31.201.12") {
		t.Errorf("the best path is %+v", best)
	}
}

func TestParseDetail(t *testing.T) {
	const data = `{"prefix": "203.0.113.50/32", "paths": [{"aspath": {"string": "Local"}, "origin": "incomplete", "valid": true, "peer": {"peerId": "0.0.0.0"}},
		{"aspath": {"string": "64512"}, "origin": "IGP", "metric": 0, "locPrf": 200, "valid": true, "bestpath": {"overall": true}, "community": {"string": "64512:99 no-export"},
		 "largeCommunity": {"string": "1:2:3"}, "nexthops": [{"ip": "172.31.201.12", "used": true}], "peer": {"peerId": "172.31.201.2", "type": "internal"}}]}`
	got, err := parseDetail(prefix("203.0.113.50/32"), []byte(data), netip.ParseAddr)
	if err != nil || len(got) != 2 {
		t.Fatalf("seen %+v, %v", got, err)
	}
	if own := got[0]; own.ASPath != "" || own.MED != nil || own.LocalPref != nil || len(own.Communities) != 0 {
		t.Errorf("the router's own path is %+v", own)
	}
	if p := got[1]; !p.Best || !p.Internal || *p.MED != 0 || *p.LocalPref != 200 || len(p.Communities) != 2 || p.LargeCommunities[0] != "1:2:3" || p.Peer != routertest.Addr("172.31.201.2") {
		t.Errorf("the path is %+v", p)
	}
	if other, err := parseDetail(prefix("203.0.113.51/32"), []byte(data), netip.ParseAddr); err != nil || len(other) != 0 {
		t.Errorf("of another prefix: seen %+v, %v, want no path", other, err)
	}
}

func TestParseWhatIsEmptyOrWrong(t *testing.T) {
	if s, err := parseNeighbors("r1", []byte("{\n}\n"), netip.ParseAddr); err != nil || len(s) != 0 {
		t.Errorf("no neighbors: %v, %v", s, err)
	}
	if r, err := parseRIB([]byte(` {"vrfId": 0, "routes": {  }  } `), netip.ParseAddr); err != nil || len(r) != 0 {
		t.Errorf("no routes: %v, %v", r, err)
	}
	// The output of vtysh during the start of bgpd.
	_, err := parseNeighbors("r1", []byte("bgpd is not running\n"), netip.ParseAddr)
	if err == nil || !strings.Contains(err.Error(), `"bgpd is not running`) {
		t.Errorf("the error does not show what was read: %v", err)
	}
	id, peers, err := parseInstance([]byte(`{"vrfs":{"default":{"type":"DFLT","routerId":"172.31.201.2","numConfiguredPeers":1}},"totalVrfs":1}`))
	if err != nil || id != routertest.Addr("172.31.201.2") || peers != 1 {
		t.Errorf("instance: %v, %d, %v", id, peers, err)
	}
	if id, _, err := parseInstance([]byte(`{"vrfs":{},"totalVrfs":0}`)); err != nil || id.IsValid() {
		t.Errorf("no instance yet: %v, %v", id, err)
	}
}

// From FRR 8.4.4.
func TestParseOSPF(t *testing.T) {
	for _, c := range []struct {
		parse func([]byte) ([]router.Adjacency, error)
		data  string
		want  router.Adjacency
	}{
		{parseOSPF, `{"neighbors":{"10.255.0.2":[{"priority":1,"state":"Full\/DR","nbrState":"Full\/DR","converged":"Full","address":"172.30.2.12","ifaceName":"a:172.30.2.11"}]}}`,
			router.Adjacency{ID: routertest.Addr("10.255.0.2"), Interface: "a", State: "Full"}},
		{parseOSPF6, `{"neighbors":[{"neighborId":"10.255.0.2","priority":1,"deadTime":"00:00:03","state":"Twoway","ifState":"DR","interfaceName":"a","interfaceState":"BDR"}]}`,
			router.Adjacency{ID: routertest.Addr("10.255.0.2"), Interface: "a", IPv6: true, State: "2-Way"}},
	} {
		got, err := c.parse([]byte(c.data))
		if err != nil || len(got) != 1 || got[0] != c.want {
			t.Errorf("seen %+v, %v, want %+v", got, err, c.want)
		}
		if got, err := c.parse([]byte("{}")); err != nil || len(got) != 0 {
			t.Errorf("no neighbour: seen %+v, %v", got, err)
		}
		if _, err := c.parse([]byte("ospfd is not running")); err == nil {
			t.Error("a text was read as neighbours")
		}
	}
}

func TestDaemonsOfTheUsersConfiguration(t *testing.T) {
	text := "interface core\n ip pim\n!\nrouter ospf\n network 10.0.0.0/8 area 0\nrouter ospf6\nrouter bgp 1\n! router isis x\n"
	r := plan.Router{Name: "r1", Native: &plan.Native{Added: []plan.Snippet{{Text: text}}}}
	if got, want := furtherDaemons(r), []string{"pimd", "ospfd", "ospf6d"}; !slices.Equal(got, want) {
		t.Errorf("added: seen %v, wanted %v", got, want)
	}
	r.Native = &plan.Native{Whole: &plan.Snippet{Text: "router rip\n"}}
	if file := daemonsFile(r); !strings.Contains(file, "ripd=yes\n") || !strings.Contains(file, `ripd_options="-A 127.0.0.1"`) {
		t.Errorf("whole: the daemons' file is\n%s", file)
	}
}
