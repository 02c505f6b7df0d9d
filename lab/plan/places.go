package plan

import (
	"net/netip"
	"slices"

	"skidpad.dev/skidpad/lab/node"
)

// Place is one container of the lab.
type Place struct {
	Name      string // as in the scenario: r1, worker2; r1-gw for the member of gateway gw on r1
	Kind      node.Kind
	Container string // the engine's name: skidpad-<lab>-r1
	// Home is the container that owns the place's network namespace: the place's own, the router's or the node's for a
	// gateway's member, or the host's for a further container.
	Home string
	// Networks are the attachments of the network namespace. The engine chooses the addresses of kind's nodes, so those
	// attachments have no address here.
	Networks  []Attachment
	Loopbacks []netip.Prefix // addresses on lo
	Routes    []StaticRoute
	Rules     []Rule
	Router    *Router  // of a router
	Gateway   *Gateway // of a gateway's member
}

// Places is a list of containers.
type Places []Place

// Places lists every container of the lab once: cluster nodes, the datastore, routers, gateways' members, clients and
// further containers.
func (p *Plan) Places() Places {
	all := p.clusterPlaces()
	homes := map[string]Place{}
	for _, n := range all {
		homes[n.Name] = n
	}
	for i, r := range p.Routers {
		at := Place{Name: r.Name, Kind: node.KindRouter, Container: r.Container, Home: r.Container, Networks: r.Networks, Loopbacks: r.Loopbacks, Routes: r.Routes, Router: &p.Routers[i]}
		homes[r.Name] = at
		all = append(all, at)
	}
	for i, g := range p.Gateways {
		for _, m := range g.Members {
			home := homes[m.Router]
			all = append(all, Place{Name: m.Router + "-" + g.Name, Kind: node.KindGateway, Container: m.Container, Home: home.Container, Networks: home.Networks, Loopbacks: home.Loopbacks, Gateway: &p.Gateways[i]})
		}
	}
	for _, c := range p.Clients {
		all = append(all, Place{Name: c.Name, Kind: node.KindClient, Container: c.Container, Home: c.Container, Networks: c.Attachments(), Routes: c.AllRoutes()})
	}
	for _, c := range p.Containers {
		all = append(all, Place{Name: c.Name, Kind: node.KindContainer, Container: c.Container, Home: c.Host.Container, Networks: c.Host.Attachments(), Routes: c.Host.AllRoutes()})
	}
	return all
}

// clusterPlaces returns the cluster's nodes and the datastore.
func (p *Plan) clusterPlaces() Places {
	c := p.Cluster
	if c == nil {
		return nil
	}
	var all Places
	for _, n := range c.Nodes {
		if n.Remote {
			continue
		}
		if c.Exists() {
			n.Static = c.statics()
		}
		all = append(all, Place{Name: n.Short, Kind: node.KindCluster, Container: n.Name, Home: n.Name,
			Networks:  append([]Attachment{p.attachment(c.HomeOf(n), n.Address)}, n.Further...),
			Loopbacks: n.Loopbacks, Routes: n.Static, Rules: n.Rules})
	}
	if c.K3s != nil {
		d := c.K3s.Datastore
		all = append(all, Place{Name: d.Name, Kind: node.KindDatastore, Container: d.Container, Home: d.Container, Networks: []Attachment{p.attachment(c.Network, d.Address)}})
	}
	return all
}

// attachment returns the attachment of a cluster's container to a network. An invalid address means that the engine
// chooses.
func (p *Plan) attachment(network string, address netip.Addr) Attachment {
	at := Attachment{Network: network, Address: address}
	if i := slices.IndexFunc(p.Networks, func(n Network) bool { return n.Name == network }); i >= 0 && address.IsValid() {
		at.Bits = p.Networks[i].Subnet.Bits()
	}
	return at
}

// Find returns the place with a scenario's name or a container's name.
func (p Places) Find(name string) (Place, bool) {
	return p.first(func(x Place) bool { return x.Name == name || x.Container == name })
}

// At returns the owner of an address of the plan. A gateway's member has the addresses of the member's router, so At
// returns the router.
func (p Places) At(a netip.Addr) (Place, bool) {
	if !a.IsValid() {
		return Place{}, false
	}
	return p.first(func(x Place) bool {
		return slices.ContainsFunc(x.Networks, func(at Attachment) bool {
			return slices.Contains(at.Addresses(), a.Unmap()) || at.Link && at.Address6.IsValid() && at.LinkLocal() == a.WithZone("")
		}) ||
			slices.ContainsFunc(x.Loopbacks, func(p netip.Prefix) bool { return p.Addr() == a.Unmap() })
	})
}

// Of returns the places of some kinds.
func (p Places) Of(kinds ...node.Kind) Places {
	return p.where(func(x Place) bool { return slices.Contains(kinds, x.Kind) })
}

// Riders returns the places that live in the network namespace of another container.
func (p Places) Riders(home string) Places {
	return p.where(func(x Place) bool { return x.Home == home && x.Container != home })
}

// Names returns the scenario's names.
func (p Places) Names() []string {
	var names []string
	for _, x := range p {
		names = append(names, x.Name)
	}
	return names
}

// Containers returns the engine's names.
func (p Places) Containers() []string {
	var names []string
	for _, x := range p {
		names = append(names, x.Container)
	}
	return names
}

// NetworkNames returns the scenario's names of the place's networks.
func (x Place) NetworkNames() []string {
	var names []string
	for _, at := range x.Networks {
		names = append(names, at.Network)
	}
	return names
}

func (p Places) first(match func(Place) bool) (Place, bool) {
	i := slices.IndexFunc(p, match)
	if i < 0 {
		return Place{}, false
	}
	return p[i], true
}

func (p Places) where(match func(Place) bool) Places {
	var some Places
	for _, x := range p {
		if match(x) {
			some = append(some, x)
		}
	}
	return some
}
