package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

// StaticRoute is a static route of the kernel.
type StaticRoute struct {
	To   netip.Prefix `json:"to"`
	Hops []Hop        `json:"hops,omitempty"` // none: a blackhole
	// Table is the number of the routing table; 0 is the main table.
	Table int `json:"table,omitempty"`
}

// Hop is a next hop.
type Hop struct {
	Via netip.Addr `json:"via,omitzero"` // invalid: the destination is on the link
	// Dev is the interface of an on-link route.
	Dev string `json:"dev,omitempty"`
}

// words returns the hop in the words of ip-route(8).
func (h Hop) words() string {
	if h.Via.IsValid() {
		return "via " + h.Via.String()
	}
	return "dev " + h.Dev
}

// String returns the route in the words of ip-route(8).
func (r StaticRoute) String() string {
	text := r.To.String()
	switch len(r.Hops) {
	case 0:
		text = "blackhole " + text
	case 1:
		text += " " + r.Hops[0].words()
	}
	if r.Table != 0 {
		text += fmt.Sprintf(" table %d", r.Table)
	}
	if len(r.Hops) > 1 {
		for _, h := range r.Hops {
			text += " nexthop " + h.words()
		}
	}
	return text
}

// ipCalls returns the arguments of ip(8), a call each, for loopbacks and routes. Every call may run again.
func ipCalls(loopbacks []netip.Prefix, routes []StaticRoute) []string {
	var calls []string
	for _, p := range loopbacks {
		calls = append(calls, fmt.Sprintf("addr replace %s dev lo", p))
	}
	for _, r := range routes {
		calls = append(calls, "route replace "+r.String())
	}
	return calls
}

// Attachments returns the client's places on all networks.
func (c Client) Attachments() []Attachment { return append([]Attachment{c.Network}, c.Further...) }

// AllRoutes returns the client's default routes and static routes.
func (c Client) AllRoutes() []StaticRoute {
	var all []StaticRoute
	for i, via := range []netip.Addr{c.Via, c.Via6} {
		if via.IsValid() {
			all = append(all, StaticRoute{To: defaultRoutes[i], Hops: []Hop{{Via: via}}})
		}
	}
	return append(all, c.Routes...)
}

// defaultRoutes are the destinations of default routes.
var defaultRoutes = []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}

// staticRoutes resolves the routes of a node on networks.
func (b *builder) staticRoutes(routes []scenario.StaticRoute, networks []string) []StaticRoute {
	var all []StaticRoute
	for _, r := range routes {
		for _, to := range destinations(r.To) {
			out := StaticRoute{To: to, Table: r.Table}
			for _, h := range r.Hops() {
				if via, ok := b.hop(h, networks, to.Addr().Is6()); ok {
					out.Hops = append(out.Hops, via)
				}
			}
			if len(out.Hops) > 0 || r.Blackhole && (to.Addr().Is4() || b.spec.IPv6()) {
				all = append(all, out)
			}
		}
	}
	return all
}

// destinations returns the prefixes of a destination: default is a prefix of each IP family.
func destinations(to string) []netip.Prefix {
	if p, err := netip.ParsePrefix(to); err == nil {
		return []netip.Prefix{p}
	}
	return defaultRoutes
}

// hop resolves a next hop for one IP family. ok is false if the neighbour has no address of the family.
func (b *builder) hop(h scenario.NextHop, networks []string, v6 bool) (hop Hop, ok bool) {
	if h.Network != "" {
		networks = []string{h.Network}
	}
	if h.Via == "" {
		return Hop{Dev: networks[0]}, true
	}
	if a, err := netip.ParseAddr(h.Via); err == nil {
		return Hop{Via: a}, a.Is6() == v6
	}
	for _, n := range networks {
		if a := b.neighbour(h.Via, n, v6); a.IsValid() {
			return Hop{Via: a}, true
		}
	}
	return Hop{}, false
}

// neighbour returns the address of a router, gateway or client on a network; invalid if the node is not there.
func (b *builder) neighbour(name, network string, v6 bool) netip.Addr {
	offset := 0
	for i, r := range b.spec.Routers {
		if r.Name == name && slices.Contains(r.Networks, network) {
			offset = routerAt(b.spec.Routers, network, i)
		}
	}
	for i, g := range b.spec.Gateways {
		if g.Name == name && slices.Contains(g.Networks, network) {
			offset = gatewaysAt - i
		}
	}
	for i, c := range b.spec.Hosts() {
		if c.Name == name && slices.Contains(c.Attached(), network) {
			offset = clientsAt + i
		}
	}
	for i, n := range b.spec.NodeNames() {
		if n == name && slices.Contains(b.spec.Cluster.Settings(n).Networks, network) {
			offset = furtherAt + i
		}
	}
	if offset == 0 {
		return netip.Addr{}
	}
	v4, addr6 := b.on(b.network(network), offset, name)
	if v6 {
		return addr6
	}
	return v4
}

// clientRoutes gives a client its static routes. A default route in the main table is the client's default route.
func (b *builder) clientRoutes(out *Client, c scenario.Client) {
	for _, r := range b.staticRoutes(c.Routes, c.Attached()) {
		switch simple := r.Table == 0 && len(r.Hops) == 1 && r.Hops[0].Via.IsValid(); {
		case simple && r.To == defaultRoutes[0]:
			out.Via = r.Hops[0].Via
		case simple && r.To == defaultRoutes[1]:
			out.Via6 = r.Hops[0].Via
		default:
			out.Routes = append(out.Routes, r)
		}
	}
}

// routesText joins routes for people.
func routesText(routes []StaticRoute) string {
	var all []string
	for _, r := range routes {
		all = append(all, r.String())
	}
	return strings.Join(all, ", ")
}

// staticText writes the static routes of routers.
func (p *Plan) staticText(t *text) {
	first := true
	for _, r := range p.Routers {
		if len(r.Routes) == 0 {
			continue
		}
		if first {
			t.table("ROUTER\tSTATIC ROUTES")
		}
		first = false
		t.row(r.Name, routesText(r.Routes))
	}
}
