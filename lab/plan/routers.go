package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"skidpad.dev/skidpad/lab/scenario"
)

// VRRP priorities (RFC 9568, 5.2.4): the priority of the first member, and the decrement for each further member.
const (
	firstPriority = 200
	priorityStep  = 10
)

func (b *builder) routers() {
	for i, r := range b.spec.Routers {
		out := Router{Name: r.Name, Container: b.name(r.Name), Software: r.Software, Image: routerImage(r), Loopbacks: r.Loopbacks, Routes: b.staticRoutes(r.Routes, r.Networks), OSPF: b.ospf(i, r)}
		for _, n := range r.Networks {
			out.Networks = append(out.Networks, b.attach(n, routerAt(b.spec.Routers, n, i), r.Name))
		}
		if r.BGP != nil {
			out.BGP = b.speaker(i, r)
			if t := out.BGP.Table; t != nil { // an address with a length makes all addresses inside the router's own
				out.Loopbacks = append(slices.Clone(out.Loopbacks), netip.PrefixFrom(t.From.Masked().Addr().Next(), t.From.Bits()))
			}
			for _, p := range out.BGP.Static {
				if !slices.ContainsFunc(out.Routes, func(have StaticRoute) bool { return have.To == p && have.Table == 0 }) {
					out.Routes = append(out.Routes, StaticRoute{To: p}) // a blackhole
				}
			}
		}
		b.Routers = append(b.Routers, out)
	}
}

func (b *builder) speaker(i int, r scenario.Router) *Speaker {
	s := &Speaker{
		ASN:             r.BGP.ASN,
		RouterID:        b.attach(r.Networks[0], routerAt(b.spec.Routers, r.Networks[0], i), r.Name).Address,
		HoldTime:        r.BGP.HoldTime.Std(),
		Keepalive:       r.BGP.HoldTime.Std() / 3,
		GracefulRestart: r.BGP.GracefulRestart,
		MaximumPaths:    r.BGP.MaximumPaths,
		Port:            r.BGP.Port,
		Static:          r.BGP.AnnounceStatic,
		Aggregates:      r.BGP.Aggregates,
		Table:           r.BGP.Table,
	}
	if r.BGP.RouterID.IsValid() {
		s.RouterID = r.BGP.RouterID
	}
	for _, n := range r.BGP.Announce {
		if b.spec.IPv4() {
			s.Announce = append(s.Announce, b.network(n).Subnet)
		}
		if v6 := b.network(n).Subnet6; v6.IsValid() {
			s.Announce = append(s.Announce, v6)
		}
	}
	var listens []Range
	for _, p := range r.BGP.Peers {
		switch {
		case p.Listen.IsValid():
			listens = append(listens, Range{Name: fmt.Sprintf("listen%d", len(listens)+1), Prefix: p.Listen, ASN: p.ASN, Sessions: p.Sessions, Peering: peeringOf(p)})
		case p.Router != "":
			v4, v6 := b.peerAddress(r, p.Router)
			if other := b.spec.Router(p.Router); p.Loopback && other != nil {
				v4, v6 = loopbacks(*other)
			}
			link := ""
			if p.Unnumbered != nil {
				link = p.Unnumbered.Network
				v6 = b.attach(link, routerAt(b.spec.Routers, link, b.routerIndex(p.Router)), p.Router).LinkLocal()
			}
			one := len(p.Families) > 0
			for _, a := range []netip.Addr{v4, v6} {
				if a.IsValid() && (!one || a.Is6() == p.OverIPv6()) {
					s.Neighbors = append(s.Neighbors, Neighbor{Name: p.Router, Address: a, ASN: p.ASN, Interface: link, Peering: from(r, p, a)})
				}
			}
		case p.Address.IsValid():
			s.Neighbors = append(s.Neighbors, Neighbor{Name: p.Address.String(), Address: p.Address, ASN: p.ASN, Peering: from(r, p, p.Address)})
		case len(b.spec.Cluster.Racks) > 0:
			s.Ranges = append(s.Ranges, b.rackRanges(r, p)...)
		default:
			s.Ranges = append(s.Ranges, b.nodeRanges(r, p)...)
		}
	}
	s.Ranges = append(s.Ranges, listens...)
	return s
}

// loopbacks returns a router's first loopback of each IP family.
func loopbacks(r scenario.Router) (v4, v6 netip.Addr) {
	for _, p := range r.Loopbacks {
		switch a := p.Addr(); {
		case a.Is4() && !v4.IsValid():
			v4 = a
		case a.Is6() && !v6.IsValid():
			v6 = a
		}
	}
	return v4, v6
}

// routedLoopbacks returns a router's first loopback of each routed IP family.
func (b *builder) routedLoopbacks(r scenario.Router) (v4, v6 netip.Addr) {
	v4, v6 = loopbacks(r)
	if !b.spec.IPv4() {
		v4 = netip.Addr{}
	}
	if !b.spec.IPv6() {
		v6 = netip.Addr{}
	}
	return v4, v6
}

// Links returns the advertised prefixes of the router's own interfaces: networks, and loopbacks among the static prefixes.
func (r Router) Links() []netip.Prefix {
	own := slices.Clone(r.BGP.Announce)
	for _, p := range r.BGP.Static {
		if slices.Contains(r.Loopbacks, p) {
			own = append(own, p)
		}
	}
	return own
}

// from returns the configuration of a session with a peer's address, with the router's own address in place of a name.
func from(r scenario.Router, p scenario.Peer, peer netip.Addr) Peering {
	out := peeringOf(p)
	if p.Loopback || p.UpdateSource == "lo" {
		v4, v6 := loopbacks(r)
		if peer.Is6() {
			v4 = v6
		}
		out.UpdateSource = ""
		if v4.IsValid() {
			out.UpdateSource = v4.String()
		}
	}
	return out
}

// nodeRanges returns ranges for the sessions of the peer's nodes, a range for each IP family. The engine chooses the
// addresses of kind's nodes, so the range has all nodes, and the nodes' speaker decides which nodes dial.
func (b *builder) nodeRanges(r scenario.Router, p scenario.Peer) []Range {
	n := b.network(b.clusterNetwork())
	var members []string
	for _, m := range b.Cluster.Members() {
		if p.Nodes.Has(m.Short) {
			members = append(members, m.Short)
		}
	}
	var all []Range
	if b.spec.IPv4() {
		all = append(all, Range{Name: "nodes", Prefix: n.Nodes, ASN: p.ASN, Sessions: b.spec.NodeSpeaker().Sessions(r.Name, members, scenario.NodePeer.V4), Peering: peeringOf(p)})
	}
	if n.Nodes6.IsValid() {
		all = append(all, Range{Name: "nodes6", Prefix: n.Nodes6, ASN: p.ASN, Sessions: b.spec.NodeSpeaker().Sessions(r.Name, members, scenario.NodePeer.V6), Peering: peeringOf(p)})
	}
	return all
}

// rackRanges returns ranges for the sessions of the nodes in this router's racks.
func (b *builder) rackRanges(r scenario.Router, p scenario.Peer) []Range {
	var all []Range
	for _, rack := range b.spec.Cluster.Racks {
		nodes := slices.DeleteFunc(slices.Clone(rack.Nodes), func(n string) bool { return !p.Nodes.Has(n) })
		if rack.Router == r.Name && len(nodes) > 0 {
			n, asn := b.spec.NodeSpeaker(), p.ASN
			if asns := n.ASNs(r.Name, nodes); asn == 0 && len(asns) == 1 {
				asn = asns[0]
			}
			all = append(all, Range{
				Name: "nodes-" + rack.Network, Prefix: b.network(rack.Network).Nodes, ASN: asn,
				Sessions: n.Sessions(r.Name, nodes, scenario.NodePeer.V4), Peering: peeringOf(p),
			})
		}
	}
	return all
}

// peerAddress returns the addresses at which a router reaches another router: on the cluster's network if both routers
// are there, else on the first common network.
func (b *builder) peerAddress(from scenario.Router, to string) (v4, v6 netip.Addr) {
	i := b.routerIndex(to)
	if i < 0 {
		return v4, v6
	}
	shared := b.clusterNetwork()
	if !slices.Contains(from.Networks, shared) || !slices.Contains(b.spec.Routers[i].Networks, shared) {
		j := slices.IndexFunc(from.Networks, func(n string) bool { return slices.Contains(b.spec.Routers[i].Networks, n) })
		if j < 0 {
			return v4, v6
		}
		shared = from.Networks[j]
	}
	return b.routed(shared, routerAt(b.spec.Routers, shared, i), to)
}

// routed returns the addresses at an offset of a network for the routed IP families. The address of an unrouted family
// is invalid.
func (b *builder) routed(network string, offset int, end string) (v4, v6 netip.Addr) {
	v4, v6 = b.on(b.network(network), offset, end)
	if !b.spec.IPv4() {
		v4 = netip.Addr{}
	}
	return v4, v6
}

func (b *builder) routerIndex(name string) int {
	return slices.IndexFunc(b.spec.Routers, func(r scenario.Router) bool { return r.Name == name })
}

// routerAt is the number of the router with an index on a network. A scenario's first router is .11 on all networks, and so on.
// With more routers than a network has numbers, a router's number is the place among the network's routers.
func routerAt(all []scenario.Router, network string, i int) int {
	if len(all) <= scenario.MaxNetworkRouters {
		return routersAt + i
	}
	at := routersAt
	for _, r := range all[:i] {
		if slices.Contains(r.Networks, network) {
			at++
		}
	}
	return at
}

func (b *builder) gateways() {
	for i, g := range b.spec.Gateways {
		out := Gateway{Name: g.Name, Image: Image{Name: "keepalived"}, AdvertInterval: g.AdvertInterval.Std(), VRID: b.spec.VRID(i), GatewayOptions: g.GatewayOptions}
		for _, n := range g.Networks {
			out.Addresses = append(out.Addresses, b.attach(n, gatewaysAt-i, ""))
		}
		for j, m := range g.Members {
			out.Members = append(out.Members, GatewayGuard{
				Router:    m,
				Container: b.name(m + "-" + g.Name),
				Priority:  firstPriority - priorityStep*j,
				TrackBGP:  b.learnsFromNodes(m) && b.spec.IPv4(),
				TrackBGP6: b.learnsFromNodes(m) && b.spec.IPv6(),
				Home:      b.homeOf(m),
			})
		}
		b.Gateways = append(b.Gateways, out)
	}
}

// homeOf returns a node's own network, and "" for a router.
func (b *builder) homeOf(member string) string {
	if b.spec.Router(member) != nil {
		return ""
	}
	return b.spec.Cluster.Home(member)
}

// learnsFromNodes reports whether a router learns the routes to the cluster from the nodes by BGP. Without these routes,
// the router is no way into the cluster and must not hold a gateway's address.
func (b *builder) learnsFromNodes(router string) bool {
	r := b.spec.Router(router)
	return r != nil && r.BGP.LearnsFromNodes()
}

func (b *builder) clients() {
	for i, c := range b.spec.Clients {
		b.Clients = append(b.Clients, b.client(i, c))
	}
}

// client plans the client with a number among the clients and containers.
func (b *builder) client(i int, c scenario.Client) Client {
	out := Client{Name: c.Name, Container: b.name(c.Name), Image: ClientImage(), Network: b.attach(c.Network, clientsAt+i, c.Name), Echo: c.Echo}
	switch {
	case c.Gateway != "":
		out.Via, out.Via6 = b.gatewayAddress(c.Gateway, c.Network)
	case c.Router != "":
		out.Via, out.Via6 = b.routerAddress(c.Router, c.Network)
	case !scenario.HasDefault(c.Routes):
		out.OnLink = b.onLink(c.Network)
	}
	for _, n := range c.Attached()[1:] {
		out.Further = append(out.Further, b.attach(n, clientsAt+i, c.Name))
	}
	b.clientRoutes(&out, c)
	return out
}

// onLink returns the addresses that nodes announce by ARP on a network. A client on this network without a router sends
// to these addresses directly. Addresses inside the network's own prefix need no route.
func (b *builder) onLink(network string) []netip.Prefix {
	if !b.spec.AnnouncesByARP() || network != b.clusterNetwork() {
		return nil
	}
	var all []netip.Prefix
	for _, a := range b.spec.Addons {
		_, pools := a.Pools()
		all = append(all, scenario.PoolPrefixes(pools)...)
	}
	for _, w := range b.spec.Workloads {
		if w.Echo == nil {
			continue
		}
		for _, a := range w.Echo.Service.ExternalIPs {
			all = append(all, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	on := b.network(network)
	return slices.DeleteFunc(all, func(p netip.Prefix) bool { return on.Subnet.Contains(p.Addr()) || on.Subnet6.Contains(p.Addr()) })
}

// gatewayAddress returns a gateway's addresses on a network; invalid if the gateway has no address there.
func (b *builder) gatewayAddress(gateway, network string) (v4, v6 netip.Addr) {
	for i, g := range b.spec.Gateways {
		if g.Name == gateway && slices.Contains(g.Networks, network) {
			return b.routed(network, gatewaysAt-i, "")
		}
	}
	return v4, v6
}

// routerAddress returns a router's addresses on one of the router's networks.
func (b *builder) routerAddress(router, network string) (v4, v6 netip.Addr) {
	return b.routed(network, routerAt(b.spec.Routers, network, b.routerIndex(router)), router)
}

// nodeRoutes returns the nodes' routes to the networks beyond the routers. BGP does not give these routes, because a
// node's speaker only announces. To a network without a gateway, the route goes via the router of a client on the
// network.
func (b *builder) nodeRoutes() []Route {
	cluster := b.clusterNetwork()
	var routes []Route
	if len(b.spec.Cluster.Racks) > 0 {
		return nil // the default route of these nodes leads to the rack's router
	}
	for _, n := range b.Networks {
		if n.Name == cluster {
			continue
		}
		v4, v6 := b.wayTo(n.Name, cluster)
		if v4.IsValid() {
			routes = append(routes, Route{To: n.Subnet, Via: v4})
		}
		if v6.IsValid() {
			routes = append(routes, Route{To: n.Subnet6, Via: v6})
		}
	}
	return routes
}

func (b *builder) wayTo(network, cluster string) (v4, v6 netip.Addr) {
	for _, g := range b.spec.Gateways {
		if slices.Contains(g.Networks, network) && slices.Contains(g.Networks, cluster) {
			return b.gatewayAddress(g.Name, cluster)
		}
	}
	for _, c := range b.spec.Clients {
		i := b.routerIndex(c.Router)
		if c.Network == network && i >= 0 && slices.Contains(b.spec.Routers[i].Networks, cluster) {
			return b.routerAddress(c.Router, cluster)
		}
	}
	return v4, v6
}
