package scenario

import (
	"fmt"
	"net/netip"
	"slices"
)

// Segment are the settings of a network's link layer.
type Segment struct {
	// MTU is the largest packet of the network in bytes: 68 to 65535, with IPv6 at least 1280 (RFC 8200, 5); default 1500.
	MTU int `json:"mtu,omitempty" jsonschema:"minimum=68,maximum=65535"`
	// Snooping lets the bridge send multicast packets only to ports with listeners (IGMP and MLD snooping, RFC 4541;
	// multicast_snooping of ip-link(8)). Default: the kernel's default, on.
	Snooping *bool `json:"snooping,omitempty"`
	// Querier lets the bridge ask for listeners (multicast_querier of ip-link(8)); default false.
	Querier bool `json:"querier,omitempty"`
	// MulticastFlood sends multicast packets of groups without known listeners to every port; false is a switch that drops these
	// packets (mcast_flood of bridge(8), on every port). Without a querier, such a bridge knows no listeners, and drops the
	// neighbour solicitations of IPv6. Default: the kernel's default, true.
	MulticastFlood *bool `json:"multicastFlood,omitempty"`
	// PointToPoint makes the network a link between exactly two routers, clients or cluster nodes, without a bridge. If one end
	// goes down, the other end loses the carrier. The prefixes are /30, /31 (RFC 3021) and /127 (RFC 6164); default: a free /31
	// and, in a lab with IPv6, a free /127. The first member has the first address.
	PointToPoint bool `json:"pointToPoint,omitempty"`
	// Bond makes the point-to-point network of several bonded links; default: one link.
	Bond *Bond `json:"bond,omitempty"`
	// VLAN makes the network a VLAN on another network. Each member has a VLAN sub-interface with the network's name, and must be
	// on the other network, too; default none.
	VLAN *VLAN `json:"vlan,omitempty"`
	// Impairment delays, loses and limits the packets of the network; default none.
	Impairment *Impairment `json:"impairment,omitempty"`
}

// IsPointToPoint reports whether a network is a link between two nodes.
func (s *Spec) IsPointToPoint(network string) bool {
	return slices.ContainsFunc(s.Networks, func(n Network) bool { return n.Name == network && n.PointToPoint })
}

// Ends returns the names of the nodes with an interface on a network, in the plan's order.
func (s *Spec) Ends(network string) []string {
	var all []string
	add := func(name string, networks []string) {
		if slices.Contains(networks, network) {
			all = append(all, name)
		}
	}
	for _, r := range s.Routers {
		add(r.Name, r.Networks)
	}
	for _, c := range s.Hosts() {
		add(c.Name, c.Attached())
	}
	for _, n := range s.NodeNames() {
		add(n, s.Cluster.Settings(n).Networks)
	}
	return all
}

// segments checks the link layers of the networks.
func (v *Validation) segments() {
	bridges := 0
	for i, n := range v.spec.Networks {
		at := fmt.Sprintf("spec.networks[%d]", i)
		if n.MTU != 0 && n.MTU < 1280 && v.spec.IPv6() {
			v.Add(at+".mtu", "seen %d in a lab with IPv6, want at least 1280 (RFC 8200, 5)", n.MTU)
		}
		if n.Querier && n.Snooping != nil && !*n.Snooping {
			v.Add(at+".querier", "seen a querier on a bridge without snooping, want snooping too")
		}
		if n.MulticastFlood != nil && n.Snooping != nil && !*n.Snooping {
			v.Add(at+".multicastFlood", "seen it on a bridge without snooping, which sends multicast packets to every port, want snooping too")
		}
		v.impairment(at+".impairment", n.Name, n.Impairment)
		v.bond(at, n)
		switch {
		case n.VLAN != nil:
			v.vlan(at, n)
		case n.PointToPoint:
			v.pointToPoint(at, n)
		default:
			bridges++
		}
	}
	if bridges == 0 && len(v.spec.Networks) > 0 {
		v.Add("spec.networks", "seen no network with a bridge, want at least one: the engine keeps the lab's record there")
	}
}

func (v *Validation) pointToPoint(at string, n Network) {
	if ends := v.spec.Ends(n.Name); len(ends) != 2 {
		v.Add(at+".pointToPoint", "seen %d members (%s), want exactly two", len(ends), list(ends))
	}
	v.onBridges(at, n)
	for i, g := range v.spec.Gateways {
		if j := slices.Index(g.Networks, n.Name); j >= 0 {
			v.Add(fmt.Sprintf("spec.gateways[%d].networks[%d]", i, j), "seen the point-to-point network %s, want a network with a bridge", n.Name)
		}
	}
}

// length checks the length of a network's IPv4 or IPv6 prefix.
func (v *Validation) length(path string, n Network, p netip.Prefix) bool {
	bits, ok, want := p.Bits(), false, ""
	switch {
	case n.PointToPoint && p.Addr().Is4():
		ok, want = bits == 30 || bits == 31, "a /30 or /31 for a point-to-point network"
	case n.PointToPoint:
		ok, want = bits == 127, "a /127 for a point-to-point network"
	case p.Addr().Is4():
		ok, want = bits >= 16 && bits <= 24, "a prefix from /16 to /24"
	default:
		ok, want = bits == 64, "a /64"
	}
	if !ok {
		v.Add(path, "seen %s, want %s", p, want)
	}
	return ok
}

// HasTopology reports whether the scenario has networks without a bridge, loopbacks, static routes, or a running cluster
// whose nodes get routes.
func (s *Spec) HasTopology() bool {
	return slices.ContainsFunc(s.Networks, func(n Network) bool { return !n.Bridged() }) ||
		slices.ContainsFunc(s.Routers, func(r Router) bool { return len(r.Loopbacks)+len(r.Routes) > 0 }) ||
		slices.ContainsFunc(s.Hosts(), func(c Client) bool { return len(c.Routes) > 0 }) ||
		s.Cluster != nil && (len(s.Cluster.Nodes) > 0 || s.Cluster.Provider == ProviderExisting)
}
