package plan_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

const onExisting = `
apiVersion: skidpad.dev/v1alpha1
kind: Scenario
metadata: {name: e}
spec:
  networks: [{name: nodes}, {name: outside}]
  cluster: {provider: existing, kind: mine}
  routers:
    - {name: r1, networks: [nodes, outside], bgp: {asn: 64513, peers: [{nodes: all, asn: 64512}]}}
  clients: [{name: client, network: outside, router: r1}, {name: beside, network: nodes}]
  workloads: [{echo: {}}]
  checks: [{routes: {to: [pod]}}]
`

func mine() *plan.Found {
	a := netip.MustParseAddr
	return &plan.Found{
		Name: "mine",
		Facts: scenario.Facts{
			Kubernetes: "v1.36.3", ControlPlanes: 1, Workers: 2, KubeProxy: scenario.KubeProxyIPTables, IPFamily: scenario.IPv4Family,
			PodCIDR: netip.MustParsePrefix("10.244.0.0/16"), ServiceCIDR: netip.MustParsePrefix("10.96.0.0/16"),
		},
		Nodes:   []plan.FoundNode{{Name: "mine-control-plane", ControlPlane: true, Address: a("172.18.0.3")}, {Name: "mine-worker", Address: a("172.18.0.4")}, {Name: "other", Address: a("172.18.0.2")}},
		Network: &plan.FoundNetwork{Docker: "kind", Bridge: "br-1", Subnet: netip.MustParsePrefix("172.18.0.0/16"), Host: a("172.18.0.1"), Holders: []netip.Addr{a("172.18.0.1"), a("172.18.0.3")}},
	}
}

func planOn(t *testing.T, text string, f *plan.Found) (*plan.Plan, error) {
	t.Helper()
	s, err := scenario.Parse("e.yaml", []byte(text), lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	on, err := s.On(f.Facts)
	if err != nil {
		return nil, err
	}
	return plan.Make(on, "e", plan.Host{Found: f})
}

func TestALabOnARunningClusterMakesNoClusterAndNoNodesNetwork(t *testing.T) {
	p, err := planOn(t, onExisting, mine())
	if err != nil {
		t.Fatal(err)
	}
	n := p.Networks[0]
	if !n.Foreign || n.Docker != "kind" || n.Bridge != "br-1" || n.Places.String() != "172.18.255.0/24" {
		t.Errorf("network: %+v", n)
	}
	if at := p.Routers[0].Networks[0]; at.Address.String() != "172.18.255.11" || at.Bits != 16 || !at.Link {
		t.Errorf("r1 on nodes: %+v, want 172.18.255.11/16 on an interface of skidpad's", at)
	}
	if g := p.Routers[0].BGP.Ranges[0]; g.Prefix.String() != "172.18.0.0/16" || g.ASN != 64512 || g.Sessions != 3 {
		t.Errorf("range: %+v", g)
	}
	for _, i := range p.Images {
		if i.Name == "node" || i.Name == "cilium" {
			t.Errorf("image %s, want none for a cluster that runs", i.Name)
		}
	}
	if len(p.Addons) != 0 {
		t.Errorf("addons: %v, want none to install", p.Addons)
	}
	if got := p.Foreign(); strings.Join(got, " ") != "mine-control-plane mine-worker other" {
		t.Errorf("foreign containers: %v", got)
	}
	want := "ip -4 route show exact 172.30.0.0/24 proto 173 | grep -q . || ip -4 route add 172.30.0.0/24 via 172.18.255.11 proto 173"
	if got := p.Cluster.RouteCommands(); len(got) != 1 || got[0] != want {
		t.Errorf("routes: %q, want %q", got, want)
	}
	for name, short := range map[string]string{"mine-control-plane": "control-plane", "mine-worker": "worker", "other": "worker2"} {
		if p.Cluster.Short(name) != short || p.Found.Short(name) != short {
			t.Errorf("%s is %s and %s, want %s", name, p.Cluster.Short(name), p.Found.Short(name), short)
		}
	}
}

func TestTheLabsAddressesOnTheNodesNetworkAreFree(t *testing.T) {
	for _, c := range []struct{ name, taken, holder, given, want, refused string }{
		{name: "the last /24", want: "172.18.255.0/24"},
		{name: "a pool in the last /24", taken: "172.18.255.200/29", want: "172.18.254.0/24"},
		{name: "a holder in the last /24", holder: "172.18.255.20", want: "172.18.254.0/24"},
		{name: "a holder beside the lab's addresses", holder: "172.18.255.150", want: "172.18.255.0/24"},
		{name: "the scenario's", given: "172.18.7.0/24", want: "172.18.7.0/24"},
		{name: "no /24", given: "172.18.0.0/17", refused: "no /24 of the network"},
		{name: "outside", given: "172.19.7.0/24", refused: "no /24 of the network"},
		{name: "in use", given: "172.18.7.0/24", holder: "172.18.7.11", refused: "172.18.7.11 is in use"},
		{name: "a pool", given: "172.18.7.0/24", taken: "172.18.7.0/26", refused: "overlaps 172.18.7.0/26"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := mine()
			if c.taken != "" {
				f.Taken = append(f.Taken, netip.MustParsePrefix(c.taken))
			}
			if c.holder != "" {
				f.Network.Holders = append(f.Network.Holders, netip.MustParseAddr(c.holder))
			}
			var given *netip.Prefix
			if c.given != "" {
				p := netip.MustParsePrefix(c.given)
				given = &p
			}
			got, err := f.Places(given)
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Fatalf("seen %v, want an error with %q", err, c.refused)
				}
				return
			}
			if err != nil || got.String() != c.want {
				t.Errorf("seen %s, %v, want %s", got, err, c.want)
			}
		})
	}
}

func TestALabOnARunningClusterIsRefusedWithTheReason(t *testing.T) {
	f := mine()
	f.Network, f.Why = nil, "node n1, which is no container of this engine"
	_, err := planOn(t, onExisting, f)
	var none *plan.NoNetworkError
	if !errors.As(err, &none) || !strings.Contains(err.Error(), f.Why) {
		t.Errorf("seen %v, want the reason", err)
	}
	f = mine()
	f.Facts.PodCIDR = netip.MustParsePrefix("192.0.2.0/24")
	_, err = planOn(t, strings.Replace(onExisting, "{name: outside}", "{name: outside, ipv4: 192.0.2.0/24}", 1), f)
	if err == nil || !strings.Contains(err.Error(), "e.yaml:7: spec.cluster.podCIDR: seen 192.0.2.0/24, which overlaps network outside") {
		t.Errorf("seen %v, want the overlap with path and line", err)
	}
}

func TestOnlyTheAPIReachesNodesBeyondTheEngine(t *testing.T) {
	f := mine()
	f.Network, f.Why = nil, "node n1, which is no container of this engine"
	p, err := planOn(t, `
apiVersion: skidpad.dev/v1alpha1
kind: Scenario
metadata: {name: e}
spec:
  networks: [{name: nodes}, {name: outside}]
  cluster: {provider: existing, kubeconfig: c.conf}
  routers: [{name: r1, networks: [outside]}]
`, f)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Networks) != 1 || p.Networks[0].Name != "outside" || len(p.Foreign()) != 0 {
		t.Errorf("networks %+v, foreign %v, want the lab's own network and no container of the cluster", p.Networks, p.Foreign())
	}
	for _, name := range []string{"worker2", "other"} {
		if n, why := p.Beyond(name); n.Name != "other" || !strings.Contains(why, f.Why) {
			t.Errorf("%s: seen %+v, %q, want node other with the reason", name, n, why)
		}
	}
	if _, why := p.Beyond("r1"); why != "" {
		t.Errorf("r1: seen %q, want no reason", why)
	}
}
