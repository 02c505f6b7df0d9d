package plan_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// drawScenario writes a valid scenario of random size.
func drawScenario(t *rapid.T) *scenario.Scenario {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	networks := rapid.IntRange(1, 5).Draw(t, "networks")
	routers := rapid.IntRange(1, 50).Draw(t, "routers")
	clients := rapid.IntRange(0, 40).Draw(t, "clients")
	gateways := rapid.IntRange(0, 14).Draw(t, "gateways")
	var names []string
	line("apiVersion: skidpad.dev/v1alpha1\nkind: Scenario\nmetadata: {name: random}\nspec:\n  networks:")
	for i := range networks {
		name := fmt.Sprintf("n%d", i)
		names = append(names, name)
		if rapid.Bool().Draw(t, "given") {
			bits := rapid.IntRange(16, 24).Draw(t, "bits")
			line("    - {name: %s, ipv4: %s}", name, netip.PrefixFrom(netip.AddrFrom4([4]byte{11, byte(i), 0, 0}), bits))
		} else {
			line("    - {name: %s}", name)
		}
	}
	all := strings.Join(names, ", ")
	line("  cluster: {workers: %d}", rapid.IntRange(0, 32).Draw(t, "workers"))
	line("  addons: [{cilium: {bgp: {asn: 64512, peers: [r0]}, l2: {}, loadBalancerPools: [172.30.0.0/24, 198.51.100.0/28]}}]")
	line("  routers:")
	for i := range routers {
		bgp := ""
		if i == 0 {
			bgp = ", bgp: {asn: 64513, peers: [{nodes: all}]}"
		}
		line("    - {name: r%d, networks: [%s]%s}", i, all, bgp)
	}
	line("  gateways: [%s]", each(gateways, func(i int) string {
		return fmt.Sprintf("{name: g%d, members: [r0], networks: [%s]}", i, all)
	}))
	line("  clients: [%s]", each(clients, func(i int) string {
		return fmt.Sprintf("{name: c%d, network: %s}", i, names[i%len(names)])
	}))
	line("  workloads: [{echo: {service: {externalIPs: [172.30.2.7]}}}]")
	s, err := scenario.Parse("random.yaml", []byte(b.String()), lab.Kinds())
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	return s
}

func each(n int, f func(int) string) string {
	var all []string
	for i := range n {
		all = append(all, f(i))
	}
	return strings.Join(all, ", ")
}

// TestAddressesNeverCollide checks three rules. No two parts of a lab share an address. The engine's range for nodes
// holds no planned address. VIPs and cluster prefixes lie outside every network.
func TestAddressesNeverCollide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScenario(t)
		p, err := plan.Make(s, "lab", plan.Host{Taken: prefixes("172.30.1.0/24")})
		if err != nil {
			t.Fatal(err)
		}
		owner := map[netip.Addr]string{}
		claim := func(who string, a plan.Attachment) {
			n := networkOf(p, a.Network)
			if first, ok := owner[a.Address]; ok {
				t.Errorf("%s: seen on %s and %s", a.Address, first, who)
			}
			owner[a.Address] = who
			if !n.Subnet.Contains(a.Address) || a.Bits != n.Subnet.Bits() {
				t.Errorf("%s: seen %s/%d, want an address of %s", who, a.Address, a.Bits, n.Subnet)
			}
			if n.Nodes.Contains(a.Address) {
				t.Errorf("%s: seen %s, want an address outside the nodes' %s", who, a.Address, n.Nodes)
			}
		}
		for _, n := range p.Networks {
			claim("host", plan.Attachment{Network: n.Name, Address: n.Host, Bits: n.Subnet.Bits()})
			if !n.Subnet.Contains(n.Nodes.Addr()) || n.Nodes != n.Nodes.Masked() || len(p.Cluster.Nodes) > 60 {
				t.Errorf("network %s: nodes get theirs from %s, want a range inside %s", n.Name, n.Nodes, n.Subnet)
			}
		}
		for _, r := range p.Routers {
			for _, a := range r.Networks {
				claim(r.Name, a)
			}
		}
		for _, g := range p.Gateways {
			for _, a := range g.Addresses {
				claim(g.Name, a)
			}
		}
		for _, c := range p.Clients {
			claim(c.Name, c.Network)
		}
		outside := append(prefixes("172.30.2.7/32", "172.30.1.0/24"), p.Cluster.PodCIDR, p.Cluster.ServiceCIDR)
		_, pools := s.Spec.Addons[0].Pools()
		outside = append(outside, scenario.PoolPrefixes(pools)...)
		for i, n := range p.Networks {
			for _, other := range p.Networks[:i] {
				if n.Subnet.Overlaps(other.Subnet) {
					t.Errorf("networks %s and %s overlap: %s, %s", n.Name, other.Name, n.Subnet, other.Subnet)
				}
			}
			if in, ok := plan.Overlapping(n.Subnet, outside); ok {
				t.Errorf("network %s: seen %s, which overlaps %s", n.Name, n.Subnet, in)
			}
		}
	})
}

// TestLabsSideBySide checks that labs planned one after the other share no subnet, no bridge and no name. Each plan
// knows the prefixes of the earlier labs.
func TestLabsSideBySide(t *testing.T) {
	s := load(t, defaultFile)
	rapid.Check(t, func(t *rapid.T) {
		labs := rapid.IntRange(2, 20).Draw(t, "labs")
		taken := rapid.SliceOfN(rapid.Custom(drawPrefix), 0, 30).Draw(t, "taken")
		bridges := map[string]bool{}
		for i := range labs {
			p, err := plan.Make(s, fmt.Sprintf("lab%d", i), plan.Host{Taken: taken})
			if err != nil {
				return // no prefix is free
			}
			for _, n := range p.Networks {
				if in, ok := plan.Overlapping(n.Subnet, taken); ok {
					t.Fatalf("lab %d: network %s: seen %s, which overlaps %s", i, n.Name, n.Subnet, in)
				}
				if bridges[n.Bridge] {
					t.Fatalf("lab %d: bridge %s is another lab's too", i, n.Bridge)
				}
				bridges[n.Bridge] = true
				taken = append(taken, n.Subnet)
			}
		}
	})
}

func drawPrefix(t *rapid.T) netip.Prefix {
	third, fourth := rapid.Byte().Draw(t, "third"), rapid.Byte().Draw(t, "fourth")
	second := rapid.ByteRange(16, 31).Draw(t, "second")
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{172, second, third, fourth}), rapid.IntRange(12, 32).Draw(t, "bits")).Masked()
}

func networkOf(p *plan.Plan, name string) plan.Network {
	for _, n := range p.Networks {
		if n.Name == name {
			return n
		}
	}
	return plan.Network{}
}
