package gobgp

import (
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/routertest"
)

func TestRender(t *testing.T) {
	routertest.Render(t, Render, map[string]func(*plan.Router){
		"ibgp-and-nodes.yaml":        func(*plan.Router) {},
		"graceful-restart.yaml":      func(r *plan.Router) { r.BGP.GracefulRestart = true },
		"one-path.yaml":              func(r *plan.Router) { r.BGP.MaximumPaths = 1 },
		"every-option.yaml":          routertest.EveryOption,
		"sessions.yaml":              routertest.SessionOptions,
		"policies.yaml":              routertest.Policies,
		"families.yaml":              routertest.Families,
		"next-hops6.yaml":            routertest.NextHops6,
		"ibgp-beside-the-nodes.yaml": func(r *plan.Router) { r.BGP.Neighbors[0].Address = routertest.Addr("192.0.2.3") },
	})
}

// The JSON in testdata is from GoBGP 4.8.0, on a router with an internal peer r1, a node that dialled in, and a peer
// with an expired hold time.
func TestParseNeighbors(t *testing.T) {
	got, err := parseNeighbors("r2", routertest.Read(t, "neighbors.json"), time.Unix(1795251267, 0))
	if err != nil {
		t.Fatal(err)
	}
	up := bgp.Session{
		Router: "r2", LocalASN: 64513, State: bgp.Established, HoldTime: 9 * time.Second, Keepalive: 3 * time.Second, PrefixesReceived: 1,
	}
	r1, n11 := up, up
	r1.Peer, r1.PeerName, r1.PeerASN, r1.Uptime = routertest.Addr("172.31.240.2"), "r1", 64513, 4*time.Second
	n11.Peer, n11.PeerName, n11.PeerASN, n11.Uptime = routertest.Addr("172.31.240.11"), "c3e9bfc1fe6a", 64512, 5*time.Second
	r3 := bgp.Session{
		Router: "r2", Peer: routertest.Addr("172.31.240.4"), PeerName: "r3", PeerASN: 64514, LocalASN: 64513, State: bgp.Active, Reason: "hold timer expired",
	}
	want := []bgp.Session{r1, r3, n11}
	routertest.Sessions(t, got, want)
}

// The members are from GoBGP 4.8.0.
func TestParseBFD(t *testing.T) {
	got, err := parseNeighbors("r1", []byte(`[
		{"state": {"neighbor_address": "192.0.2.2", "bfd_state": {"session_state": 1, "bfd_async": {"transmitted_packets": 94, "received_packets": 84}}}},
		{"state": {"neighbor_address": "192.0.2.3", "bfd_state": {"session_state": 2}}}, {"state": {"neighbor_address": "192.0.2.4"}}]`), time.Time{})
	if err != nil || len(got) != 3 || got[0].BFD != "Up" || got[1].BFD != "Down" || got[2].BFD != "" {
		t.Errorf("seen %+v, %v; want BFD that is Up, that is Down, and none", got, err)
	}
}

func TestParseRIB(t *testing.T) {
	got, err := parseRIB(routertest.Read(t, "rib.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !got[0].Via(routertest.Addr("172.31.240.11"), routertest.Addr("172.31.240.12")) {
		t.Fatalf("got %+v", got)
	}
	internal, best, multi := got[0].Paths[0], got[0].Paths[1], got[0].Paths[2]
	if !internal.Internal || internal.Best || internal.Multipath || !internal.Valid {
		t.Errorf("the internal path is %+v", internal)
	}
	if best.Origin != "IGP" || best.MED == nil || best.LocalPref != nil || internal.LocalPref == nil || *internal.LocalPref != 100 {
		t.Errorf("the attributes are %+v and %+v", internal.Attributes, best.Attributes)
	}
	tagged, err := parseRIB([]byte(`{"203.0.113.0/24": [{"best": true, "attrs": [{"type": 8, "communities": [4294967041, 4227858531]}, {"type": 32, "value": [{"ASN": 1, "LocalData1": 2, "LocalData2": 3}]}]}]}`))
	if err != nil || len(tagged[0].Paths[0].Communities) != 2 || tagged[0].Paths[0].Communities[0] != "no-export" || tagged[0].Paths[0].Communities[1] != "64512:99" || tagged[0].Paths[0].LargeCommunities[0] != "1:2:3" {
		t.Errorf("seen the communities %+v, %v", tagged, err)
	}
	if !best.Best || best.Multipath || best.ASPath != "64512" || multi.Best || !multi.Multipath {
		t.Errorf("the external paths are %+v and %+v", best, multi)
	}
}

func TestParseWhatIsEmptyOrWrong(t *testing.T) {
	if s, err := parseNeighbors("r1", []byte("[]\n"), time.Time{}); err != nil || len(s) != 0 {
		t.Errorf("no neighbors: %v, %v", s, err)
	}
	if r, err := parseRIB([]byte("{}\n")); err != nil || len(r) != 0 {
		t.Errorf("no routes: %v, %v", r, err)
	}
	if _, err := parseRIB([]byte("rpc error: code = Unavailable")); err == nil {
		t.Error("an error of the command line's was read as routes")
	}
}
