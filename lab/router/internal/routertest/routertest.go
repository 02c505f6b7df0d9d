// Package routertest has the common parts of the tests of every router software: routers to render, and golden files.
package routertest

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Addr returns an address. Addr panics if s is not an address.
func Addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// Speaker is r1 of the default lab: internal peer and nodes on one network.
func Speaker() plan.Router {
	return plan.Router{
		Name: "r1",
		Networks: []plan.Attachment{
			{Network: "fabric", Address: Addr("10.89.0.2"), Bits: 24},
			{Network: "edge", Address: Addr("192.0.2.2"), Bits: 24},
		},
		BGP: &plan.Speaker{
			ASN: 64513, RouterID: Addr("10.89.0.2"), HoldTime: 9 * time.Second, Keepalive: 3 * time.Second, MaximumPaths: 16,
			Neighbors: []plan.Neighbor{{Name: "r2", Address: Addr("10.89.0.3"), ASN: 64513}},
			Ranges:    []plan.Range{{Name: "nodes", Prefix: netip.MustParsePrefix("10.89.0.0/24"), ASN: 64512, Sessions: 3}},
		},
	}
}

// EveryOption gives a speaker an internal peer and two external peers, each with the options possible for the peer.
func EveryOption(r *plan.Router) {
	sets := func(s scenario.RouteSet) *scenario.RoutePolicy { return &scenario.RoutePolicy{RouteSet: s} }
	bfd := &scenario.BFD{Interval: scenario.Duration(100 * time.Millisecond), Multiplier: 3}
	r.BGP.Announce = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	r.BGP.Neighbors[0].Peering = plan.Peering{
		BFD: bfd, Password: "a+b/c=", RouteReflectorClient: true, MaxPrefixes: 100,
		Import: sets(scenario.RouteSet{LocalPref: number(200), Communities: []scenario.Community{"64513:100", "64513:200"}}),
	}
	r.BGP.Neighbors = append(r.BGP.Neighbors,
		plan.Neighbor{Name: "r3", Address: Addr("192.0.2.3"), ASN: 64514, Peering: plan.Peering{
			BFD: bfd, TTLSecurity: 1, Export: sets(scenario.RouteSet{MED: number(50), Communities: []scenario.Community{"64513:300"}}),
		}},
		plan.Neighbor{Name: "r4", Address: Addr("192.0.2.4"), ASN: 64515, Peering: plan.Peering{Multihop: 2}})
	r.BGP.Ranges[0].Peering = plan.Peering{MaxPrefixes: 50, Import: sets(scenario.RouteSet{LocalPref: number(150)})}
}

func number(n uint32) *uint32 { return &n }

// SessionOptions gives a speaker an external peer with every setting of a session, and an internal peer as a helper.
func SessionOptions(r *plan.Router) {
	r.BGP.Port = 1179
	r.BGP.Neighbors = append(r.BGP.Neighbors, plan.Neighbor{Name: "192.0.2.9", Address: Addr("192.0.2.9"), ASN: 65009, Peering: plan.Peering{
		SessionOptions: scenario.SessionOptions{
			LocalASN: 64999, AllowASIn: 2, Passive: true, Port: 2179, UpdateSource: "10.255.0.1", AddPath: &scenario.AddPath{Send: true, Receive: true},
			Timers: &scenario.Timers{
				HoldTime: scenario.Duration(30 * time.Second), Keepalive: scenario.Duration(5 * time.Second), ConnectRetry: scenario.Duration(7 * time.Second),
			},
			GracefulRestart: &scenario.PeerRestart{Mode: scenario.RestartFull, RestartTime: scenario.Duration(90 * time.Second)},
		},
	}})
	r.BGP.Static = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	r.BGP.Aggregates = []scenario.Aggregate{{Prefix: netip.MustParsePrefix("10.61.0.0/16"), SummaryOnly: true}}
	r.BGP.Neighbors[0].DefaultOriginate, r.BGP.Neighbors[0].Loopback = true, true
	r.BGP.Neighbors[0].GracefulRestart = &scenario.PeerRestart{Mode: scenario.RestartHelper}
}

// Families gives a speaker both IP families: on one session over IPv4 with an internal and an external peer, and on a session
// and a range of its own.
func Families(r *plan.Router) {
	both := plan.Peering{SessionOptions: scenario.SessionOptions{Families: []scenario.IPFamily{scenario.IPv4Family, scenario.IPv6Family}}}
	for i, a := range []string{"2001:db8:89::2", "2001:db8:2::2"} {
		r.Networks[i].Address6 = Addr(a)
	}
	r.BGP.Announce = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8:2::/64")}
	r.BGP.Static = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8:203::/48")}
	r.BGP.Neighbors[0].Peering = both
	r.BGP.Neighbors = append(r.BGP.Neighbors, plan.Neighbor{Name: "r3", Address: Addr("192.0.2.3"), ASN: 64514, Peering: both})
	r.BGP.Neighbors[1].Export = &scenario.RoutePolicy{Rules: []scenario.PolicyRule{
		{Match: &scenario.RouteMatch{Prefixes: []scenario.PrefixMatch{"203.0.113.0/24", "2001:db8:203::/48"}}, Action: scenario.Reject},
	}}
	for _, a := range []string{"192.0.2.4", "2001:db8:2::4"} {
		r.BGP.Neighbors = append(r.BGP.Neighbors, plan.Neighbor{Name: "r4", Address: Addr(a), ASN: 64515})
		r.BGP.Neighbors[len(r.BGP.Neighbors)-1].DefaultOriginate = true
	}
	r.BGP.Ranges = append(r.BGP.Ranges, plan.Range{Name: "nodes6", Prefix: netip.MustParsePrefix("2001:db8:89::/64"), ASN: 64512})
}

// NextHops6 gives a speaker a session with extended next hops, and an unnumbered session.
func NextHops6(r *plan.Router) {
	options := scenario.SessionOptions{ExtendedNextHop: true, Families: []scenario.IPFamily{scenario.IPv4Family, scenario.IPv6Family}}
	r.Networks[0].Address6, r.BGP.Ranges = Addr("2001:db8:89::2"), nil
	r.Networks = append(r.Networks, plan.Attachment{Network: "up1", Address: Addr("192.0.2.128"), Bits: 31, Address6: Addr("2001:db8:3::"), Bits6: 127, Link: true})
	enh := plan.Neighbor{Name: "r3", Address: Addr("2001:db8:89::3"), ASN: 64514, Peering: plan.Peering{SessionOptions: options}}
	options.Unnumbered = &scenario.Unnumbered{Network: "up1"}
	link := plan.Neighbor{Name: "r4", Address: plan.Attachment{Address: Addr("192.0.2.129")}.LinkLocal(), Interface: "up1", ASN: 64515, Peering: plan.Peering{SessionOptions: options}}
	r.BGP.Neighbors = []plan.Neighbor{enh, link}
}

// OSPF gives a router the interior protocol on a network, with a passive network and a loopback, beside BGP.
func OSPF(r *plan.Router) {
	r.Loopbacks = []netip.Prefix{netip.MustParsePrefix("10.255.0.1/32"), netip.MustParsePrefix("2001:db8:255::1/128")}
	r.OSPF = &plan.OSPF{
		RouterID: Addr("10.255.0.1"), Hello: time.Second, Dead: 4 * time.Second, Stubs: r.Loopbacks, Connected: true,
		Interfaces: []plan.OSPFInterface{{Name: "fabric", Cost: 10}, {Name: "up1", Cost: 20, PointToPoint: true}, {Name: "edge", Cost: 10, Passive: true}},
		BFD:        &scenario.BFD{Interval: scenario.Duration(100 * time.Millisecond), Multiplier: 3},
	}
}

// OSPFOnly has no BGP, and both IP families.
func OSPFOnly(r *plan.Router) {
	OSPF(r)
	r.BGP, r.OSPF.BFD, r.OSPF.Connected, r.OSPF.Area = nil, nil, false, 7
	r.Networks[0].Address6 = Addr("2001:db8:89::2")
}

// Policies gives a speaker's external peer policies with rules of every kind.
func Policies(r *plan.Router) {
	r.BGP.Announce = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	r.BGP.Neighbors = append(r.BGP.Neighbors, plan.Neighbor{Name: "r3", Address: Addr("192.0.2.3"), ASN: 64514, Peering: plan.Peering{
		Import: &scenario.RoutePolicy{
			RouteSet: scenario.RouteSet{LocalPref: number(150)},
			Rules: []scenario.PolicyRule{
				{Match: &scenario.RouteMatch{Prefixes: []scenario.PrefixMatch{"10.0.0.0/8 le 24", "198.51.100.0/24"}}, Action: scenario.Reject},
				{Match: &scenario.RouteMatch{Communities: []scenario.Community{"64514:1", "64514:2"}, ASPath: "_65009$"}, Set: &scenario.RouteSet{LocalPref: number(300), MED: number(0)}},
				{Match: &scenario.RouteMatch{NextHops: []netip.Addr{Addr("192.0.2.3")}, ASPath: "^64514$"}},
			},
			Default: scenario.Reject,
		},
		Export: &scenario.RoutePolicy{Rules: []scenario.PolicyRule{
			{Match: &scenario.RouteMatch{Prefixes: []scenario.PrefixMatch{"10.0.0.0/8 ge 16"}}, Set: &scenario.RouteSet{Prepend: 3, Communities: []scenario.Community{"64513:7"}}},
		}},
	}})
}

// Render renders a speaker with each of several changes, and compares each result with the golden file of the change's
// name.
func Render(t *testing.T, render func(plan.Router) (string, error), golden map[string]func(*plan.Router)) {
	t.Helper()
	for name, change := range golden {
		t.Run(name, func(t *testing.T) {
			r := Speaker()
			change(&r)
			got, err := render(r)
			if err != nil {
				t.Fatal(err)
			}
			Golden(t, name, got)
		})
	}
}

// Golden compares got with a file of testdata.
func Golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", name), []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := Read(t, name); got != string(want) {
		t.Errorf("it differs from %s (-update writes it anew); got:\n%s", name, got)
	}
}

// Read returns a file of testdata.
func Read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Sessions compares the sessions that a parser read with the wanted sessions.
func Sessions(t *testing.T, got, want []bgp.Session) {
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
