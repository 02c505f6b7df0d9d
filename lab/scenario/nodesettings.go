package scenario

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// NodeSettings are settings of one cluster node or a group of nodes. A node takes all entries that name the node.
type NodeSettings struct {
	// Name is a node such as worker2, or all, workers or controlPlanes.
	Name string `json:"name"`
	// Networks are further networks of the node, besides the cluster's network or the rack's. The interface has the network's
	// name. On a bridge, the control plane has the 128th address, and each further node the next address.
	Networks []string `json:"networks,omitempty"`
	// Loopbacks are addresses on the node's interface lo: one address each, /32 or /128.
	Loopbacks []netip.Prefix `json:"loopbacks,omitempty" jsonschema:"example=10.255.1.1/32,example=2001:db8:255::1:1/128"`
	// Routes are static routes. A default route here replaces the node's default route on the cluster's network.
	Routes []StaticRoute `json:"routes,omitempty"`
	// Rules choose routing tables by packets (ip-rule(8)), in order.
	Rules []Rule `json:"rules,omitempty"`
}

// Rule sends matching packets to a routing table. At least one of From, To and Network is set.
type Rule struct {
	From *netip.Prefix `json:"from,omitempty" jsonschema:"example=10.0.0.0/8,example=2001:db8::/32"`
	To   *netip.Prefix `json:"to,omitempty" jsonschema:"example=10.0.0.0/8,example=2001:db8::/32"`
	// Network is the network of the interface that received the packet.
	Network string `json:"network,omitempty"`
	// Table is the number of the routing table, 1 to 252.
	Table int `json:"table" jsonschema:"minimum=1,maximum=252"`
	// Priority is 1 to 32765, lower first; default: 1000 for the first rule of the node, and one more for each further rule.
	Priority int `json:"priority,omitempty" jsonschema:"minimum=1,maximum=32765"`
}

// The groups of nodes.
const (
	EveryNode     = "all"
	AllWorkers    = "workers"
	ControlPlanes = "controlPlanes"
)

var groups = []string{EveryNode, AllWorkers, ControlPlanes}

// Settings returns the settings of a node: all entries that name the node, joined.
func (c *Cluster) Settings(node string) NodeSettings {
	out := NodeSettings{Name: node}
	for _, s := range c.Nodes {
		if s.of(node) {
			out.Networks = append(out.Networks, s.Networks...)
			out.Loopbacks = append(out.Loopbacks, s.Loopbacks...)
			out.Routes = append(out.Routes, s.Routes...)
			out.Rules = append(out.Rules, s.Rules...)
		}
	}
	return out
}

// of reports whether the entry names the node.
func (s NodeSettings) of(node string) bool {
	controlPlane := strings.HasPrefix(node, "control-plane")
	return s.Name == node || s.Name == EveryNode || s.Name == AllWorkers && !controlPlane || s.Name == ControlPlanes && controlPlane
}

// Home returns the network of a node's first interface: the rack's, or the cluster's.
func (c *Cluster) Home(node string) string {
	if rack := c.RackOf(node); rack != nil {
		return rack.Network
	}
	return c.Network
}

// clusterNodes checks the settings of nodes.
func (v *Validation) clusterNodes(path string, c *Cluster) {
	known := append(v.spec.NodeNames(), groups...)
	if len(c.Nodes) > 0 && c.Provider != ProviderKind {
		v.NotYet(path, fmt.Sprintf("settings of nodes with provider %s", c.Provider), ProviderKind)
	}
	for i, s := range c.Nodes {
		at := fmt.Sprintf("%s[%d]", path, i)
		if s.Name != "" && !slices.Contains(known, s.Name) {
			v.Add(at+".name", "seen %q, want one of: %s", s.Name, list(known))
		}
		v.Repeated(at+".networks", s.Networks)
		for j, n := range s.Networks {
			here := fmt.Sprintf("%s.networks[%d]", at, j)
			if v.Network(here, n) && slices.Contains(c.nodeNetworks(), n) {
				v.Add(here, "seen %q, the nodes' own network, want a further network", n)
			}
		}
		v.loopbacks(at+".loopbacks", s.Loopbacks)
		further := slices.Clone(s.Networks)
		for _, n := range v.spec.NodeNames() {
			if s.of(n) {
				further = append(further, c.Settings(n).Networks...)
			}
		}
		slices.Sort(further)
		further = slices.Compact(further)
		v.staticRoutes(at+".routes", s.Routes, slices.Concat(c.nodeNetworks(), further), "")
		for j, r := range s.Rules {
			v.rule(fmt.Sprintf("%s.rules[%d]", at, j), r, further)
		}
	}
	for _, name := range v.spec.NodeNames() {
		v.joined(path, c.Settings(name))
	}
}

// joined checks the sum of the entries of one node.
func (v *Validation) joined(path string, s NodeSettings) {
	for i, n := range s.Networks {
		if slices.Index(s.Networks, n) < i {
			v.Add(path, "seen network %s twice for node %s, want it once", n, s.Name)
		}
	}
	var tables []int
	for _, r := range s.Routes {
		if isDefault(r.To) && r.To == DefaultRoute {
			if slices.Contains(tables, r.Table) {
				v.Add(path, "seen two default routes for node %s in one table, want one", s.Name)
			}
			tables = append(tables, r.Table)
		}
	}
}

func (v *Validation) rule(at string, r Rule, networks []string) {
	if r.From == nil && r.To == nil && r.Network == "" {
		v.Add(at, "seen a rule for all packets, want from, to or network")
	}
	if r.Network != "" && v.Network(at+".network", r.Network) && !slices.Contains(networks, r.Network) {
		v.Add(at+".network", "seen %q, want a further network of the node: %s", r.Network, list(networks))
	}
	if r.From != nil && r.To != nil && r.From.Addr().Is4() != r.To.Addr().Is4() {
		v.Add(at+".to", "seen %s beside from %s, want prefixes of one IP family", r.To, r.From)
	}
}
