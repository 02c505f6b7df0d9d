package scenario

import (
	"fmt"
	"slices"
)

// Rack is a network with some of the nodes of the cluster. The router of the rack is the default route and the BGP peer of
// these nodes.
type Rack struct {
	Network string   `json:"network"`
	Router  string   `json:"router"`
	Nodes   []string `json:"nodes"`
}

// RackOf returns the rack of a node, or nil if the cluster has no racks.
func (c *Cluster) RackOf(node string) *Rack {
	for i := range c.Racks {
		if slices.Contains(c.Racks[i].Nodes, node) {
			return &c.Racks[i]
		}
	}
	return nil
}

// nodeNetworks lists the networks of the nodes.
func (c *Cluster) nodeNetworks() []string {
	if len(c.Racks) == 0 {
		return []string{c.Network}
	}
	var all []string
	for _, r := range c.Racks {
		all = append(all, r.Network)
	}
	return all
}

// racks checks that every node is in exactly one rack, and that every rack has a network of the rack alone, and a router on
// this network.
func (v *Validation) racks(path string, c *Cluster) {
	if len(c.Racks) == 0 {
		return
	}
	if c.Provider != ProviderKind {
		v.NotYet(path+".racks", fmt.Sprintf("racks with provider %s", c.Provider), ProviderKind)
	}
	if c.IPFamily != IPv4Family {
		v.NotYet(path+".racks", fmt.Sprintf("racks with ipFamily %s", c.IPFamily), IPv4Family)
	}
	if len(v.spec.Gateways) > 0 {
		v.NotYet(path+".racks", "racks beside gateways", "a router for each rack")
	}
	if c.APIEndpoint != nil || len(c.JoinLater) > 0 {
		v.NotYet(path+".racks", "racks with apiEndpoint or joinLater", "one control plane, which all nodes join at once")
	}
	if n := v.spec.NodeSpeaker(); n != nil && !n.Racks {
		v.NotYet(path+".racks", fmt.Sprintf("racks with the nodes' speaker %s", n.Addon), "a speaker with peers for each rack, such as cilium with bgp")
	}
	var networks, nodes []string
	for i, r := range c.Racks {
		at := fmt.Sprintf("%s.racks[%d]", path, i)
		v.NotEmpty(at+".nodes", len(r.Nodes))
		v.Nodes(at+".nodes", r.Nodes)
		networks, nodes = append(networks, r.Network), append(nodes, r.Nodes...)
		if r.Network == "" || !v.Network(at+".network", r.Network) {
			continue
		}
		switch router := v.spec.Router(r.Router); {
		case r.Router == "":
		case router == nil:
			v.Unknown(at+".router", r.Router, "router", v.routerNames())
		case !v.on(router, r.Network):
			v.Add(at+".router", "seen %q, which is not on network %s, want a router that is", r.Router, r.Network)
		case router.BGP == nil:
			v.Add(at+".router", "seen %q, which has no bgp, want a router that learns the nodes' routes", r.Router)
		}
	}
	v.Repeated(path+".racks", networks)
	for _, name := range v.spec.NodeNames() {
		n := 0
		for _, in := range nodes {
			if in == name {
				n++
			}
		}
		if n != 1 {
			v.Add(path+".racks", "seen node %s in %d racks, want it in one", name, n)
		}
	}
	if first := c.RackOf("control-plane"); first != nil && first.Network != c.Network {
		v.Add(path+".network", "seen %s, want %s, the network of the rack that the control plane is in", c.Network, first.Network)
	}
}
