package scenario

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// StaticRoute is a static route in the kernel (ip-route(8)), in one of these forms: via a next hop, with several next hops
// (ECMP), on a network without a next hop (on link), or a blackhole.
type StaticRoute struct {
	// To is a prefix such as 10.0.0.0/8, or default. If the next hop is a name, default means each IP family of the lab.
	To string `json:"to" jsonschema:"example=10.0.0.0/8,example=default"`
	NextHop
	// NextHops are several next hops with equal weights (ECMP), in place of via and network.
	NextHops []NextHop `json:"nextHops,omitempty"`
	// Blackhole drops the packets silently; default false.
	Blackhole bool `json:"blackhole,omitempty"`
	// Table is the number of the routing table, 1 to 252; default: the main table.
	Table int `json:"table,omitempty" jsonschema:"minimum=1,maximum=252"`
}

// NextHop is the next hop of a static route.
type NextHop struct {
	// Via is the name of a router, gateway, client or cluster node, or an address.
	Via string `json:"via,omitempty" jsonschema:"example=r1,example=192.0.2.1"`
	// Network is the network of the next hop; default: the first network of both ends. Without via, the destination is on this
	// network's link.
	Network string `json:"network,omitempty"`
}

// DefaultRoute is the destination of a default route.
const DefaultRoute = "default"

// Hops returns the next hops of the route; none for a blackhole.
func (r StaticRoute) Hops() []NextHop {
	if len(r.NextHops) > 0 {
		return r.NextHops
	}
	if r.NextHop == (NextHop{}) {
		return nil
	}
	return []NextHop{r.NextHop}
}

// Attached lists the client's networks.
func (c Client) Attached() []string {
	if len(c.Networks) > 0 {
		return c.Networks
	}
	return []string{c.Network}
}

// staticRoutes checks the routes of a node with interfaces on networks. hasDefault marks a default route from another field.
func (v *Validation) staticRoutes(path string, routes []StaticRoute, networks []string, hasDefault string) {
	type key struct {
		to    string
		table int
	}
	seen := map[key]string{}
	if hasDefault != "" {
		seen[key{DefaultRoute, 0}] = hasDefault
	}
	for i, r := range routes {
		at := fmt.Sprintf("%s[%d]", path, i)
		v.destination(at+".to", r.To)
		k := key{r.To, r.Table}
		if earlier, ok := seen[k]; ok && r.To != "" {
			v.Add(at+".to", "seen a second route to %s (the first is %s), want one route, with nextHops for several next hops", r.To, earlier)
		}
		seen[k] = fmt.Sprintf("%s[%d]", path, i)
		if v.ExactlyOne(at, "via or network, nextHops, blackhole", r.NextHop != (NextHop{}), len(r.NextHops) > 0, r.Blackhole) {
			for j, h := range r.Hops() {
				to := at
				if len(r.NextHops) > 0 {
					to = fmt.Sprintf("%s.nextHops[%d]", at, j)
				}
				v.nextHop(to, r.To, h, networks)
			}
		}
	}
}

// destination checks the destination of a route.
func (v *Validation) destination(at, to string) {
	if to == "" || to == DefaultRoute {
		return
	}
	p, err := netip.ParsePrefix(to)
	switch {
	case err != nil:
		v.Add(at, "seen %q, want default, or a prefix such as 10.0.0.0/8", to)
	case p != p.Masked():
		v.Add(at, "seen %s with bits beyond its length, want %s", to, p.Masked())
	case p.Addr().Is6() && !v.spec.IPv6():
		v.Add(at, "seen %s in a lab without IPv6, want an IPv4 prefix", to)
	}
}

// nextHop checks that a next hop is a neighbour on one of the networks.
func (v *Validation) nextHop(at, to string, h NextHop, networks []string) {
	if h.Network != "" {
		if !v.Network(at+".network", h.Network) {
			return
		}
		if !slices.Contains(networks, h.Network) {
			v.Add(at+".network", "seen %q, want a network with an interface here: %s", h.Network, list(networks))
			return
		}
		networks = []string{h.Network}
	}
	if h.Via == "" {
		if to == DefaultRoute {
			v.Add(at, "seen a default route without a next hop, want via")
		}
		return
	}
	if a, err := netip.ParseAddr(h.Via); err == nil {
		v.hopAddress(at+".via", to, a, networks)
		return
	}
	on, known := v.neighbour(h.Via)
	if !known {
		v.Unknown(at+".via", h.Via, "router, gateway, client or cluster node", append(v.routerNames(), v.hosts()...))
		return
	}
	if !slices.ContainsFunc(networks, func(n string) bool { return slices.Contains(on, n) }) {
		v.Add(at+".via", "seen %q, which has no address of the plan on %s, want a neighbour there", h.Via, list(networks))
	}
}

// hopAddress checks the address of a next hop: of the family of the destination, and on a network with a given prefix.
func (v *Validation) hopAddress(at, to string, a netip.Addr, networks []string) {
	if p, err := netip.ParsePrefix(to); err == nil && p.Addr().Is4() != a.Is4() {
		v.Add(at, "seen %s for the destination %s, want an address of the same family", a, to)
	}
	var given []string
	for _, n := range v.spec.Networks {
		if !slices.Contains(networks, n.Name) {
			continue
		}
		prefix := n.IPv4
		if a.Is6() {
			prefix = n.IPv6
		}
		if prefix == nil || prefix.Contains(a) {
			return
		}
		given = append(given, n.Name+" "+prefix.String())
	}
	if len(given) > 0 {
		v.Add(at, "seen %s, want an address on %s", a, list(given))
	}
}

// neighbour returns the networks on which the plan knows the address of a router, gateway, client or cluster node.
func (v *Validation) neighbour(name string) (on []string, known bool) {
	if r := v.spec.Router(name); r != nil {
		return r.Networks, true
	}
	if g := v.spec.Gateway(name); g != nil {
		return g.Networks, true
	}
	for _, c := range v.spec.Hosts() {
		if c.Name == name {
			return c.Attached(), true
		}
	}
	if slices.Contains(v.spec.NodeNames(), name) {
		return v.spec.Cluster.Settings(name).Networks, true // the engine chooses the addresses on the nodes' own network
	}
	return nil, false
}

// hosts lists gateways and clients.
func (v *Validation) hosts() []string {
	var all []string
	for _, g := range v.spec.Gateways {
		all = append(all, g.Name)
	}
	for _, c := range v.spec.Hosts() {
		all = append(all, c.Name)
	}
	return all
}

// attached checks the networks of a client.
func (v *Validation) attached(path string, c Client) {
	switch {
	case c.Network == "" && len(c.Networks) == 0:
		v.Add(path, "seen neither network nor networks, want one of them")
	case c.Network != "" && len(c.Networks) > 0 && c.Networks[0] != c.Network:
		v.Add(path+".networks", "seen both network and networks, want one of them")
	}
	if len(c.Networks) == 0 {
		return
	}
	v.Repeated(path+".networks", c.Networks)
	for i, n := range c.Networks {
		v.Network(fmt.Sprintf("%s.networks[%d]", path, i), n)
	}
}

// loopbackSpans adds the loopbacks of routers and nodes to the prefixes that must not overlap. Several routers may share a loopback
// (anycast).
func (v *Validation) loopbackSpans(add func(path, what string, p netip.Prefix)) {
	seen := map[netip.Prefix]bool{}
	each := func(path, of string, all []netip.Prefix) {
		for j, p := range all {
			if !seen[p] {
				add(fmt.Sprintf("%s.loopbacks[%d]", path, j), "loopback of "+of, p)
			}
			seen[p] = true
		}
	}
	for i, r := range v.spec.Routers {
		each(fmt.Sprintf("spec.routers[%d]", i), r.Name, r.Loopbacks)
	}
	if c := v.spec.Cluster; c != nil {
		for i, s := range c.Nodes {
			each(fmt.Sprintf("spec.cluster.nodes[%d]", i), s.Name, s.Loopbacks)
		}
	}
}

// loopbacks checks each address for an interface lo.
func (v *Validation) loopbacks(path string, all []netip.Prefix) {
	for i, p := range all {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case !p.IsValid():
		case !p.IsSingleIP():
			v.Add(at, "seen %s, want one address, with /32 or /128", p)
		case p.Addr().Is6() && !v.spec.IPv6():
			v.Add(at, "seen %s in a lab without IPv6, want an IPv4 address, a network with ipv6, or a cluster of ipFamily dual", p)
		}
		if slices.Contains(all[:i], p) {
			v.Add(at, "seen %s twice, want it once", p)
		}
	}
}

// isDefault reports whether a destination is a default route of an IP family.
func isDefault(to string) bool {
	return to == DefaultRoute || strings.HasSuffix(to, "/0")
}

// PrefixesOf returns the prefixes that a router has without a BGP session: networks with a given prefix, loopbacks, static
// routes, and the prefixes that the router itself originates.
func (s *Spec) PrefixesOf(r *Router) []netip.Prefix {
	var all []netip.Prefix
	for _, n := range s.Networks {
		for _, p := range []*netip.Prefix{n.IPv4, n.IPv6} {
			if p != nil && slices.Contains(r.Networks, n.Name) {
				all = append(all, p.Masked())
			}
		}
	}
	for _, p := range r.Loopbacks {
		all = append(all, p.Masked())
	}
	for _, route := range r.Routes {
		p, err := netip.ParsePrefix(route.To)
		switch {
		case route.To == DefaultRoute:
			all = append(all, netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0))
		case err == nil && route.Table == 0:
			all = append(all, p)
		}
	}
	if r.BGP != nil {
		all = append(all, r.BGP.AnnounceStatic...)
	}
	return all
}

// HasDefault reports whether the routes have a default route in the main table.
func HasDefault(routes []StaticRoute) bool {
	return slices.ContainsFunc(routes, func(r StaticRoute) bool { return isDefault(r.To) && r.Table == 0 })
}
