package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

// Found is a cluster that runs before the lab, as seen before the plan.
type Found struct {
	Name  string         `json:"name"` // kind's name of the cluster, or the kubeconfig's context
	Facts scenario.Facts `json:"facts"`
	Nodes []FoundNode    `json:"nodes"` // control plane first
	// Network is the nodes' network in the engine. Without a network, Why has the reason.
	Network *FoundNetwork `json:"network,omitempty"`
	Why     string        `json:"why,omitempty"`
	// Taken are the cluster's prefixes: of pods, services, pools, and routes of nodes.
	Taken []netip.Prefix `json:"taken,omitempty"`
	// Programs are the cluster's own programs: cilium 1.19.5.
	Programs []string `json:"programs,omitempty"`
	// Notes are facts for people, such as a peer of the nodes that is no router of the lab.
	Notes []string `json:"notes,omitempty"`
}

// FoundNode is a node of a running cluster. Kubernetes and the engine have the same name.
type FoundNode struct {
	Name         string     `json:"name"`
	ControlPlane bool       `json:"controlPlane,omitempty"`
	Address      netip.Addr `json:"address,omitzero"`
	Address6     netip.Addr `json:"address6,omitzero"`
	// Images are the images of skidpad's own that the node has had before the lab.
	Images []string `json:"images,omitempty"`
}

// FoundNetwork is a network of the engine that is not the lab's.
type FoundNetwork struct {
	Docker  string       `json:"docker"`
	Bridge  string       `json:"bridge"`
	Subnet  netip.Prefix `json:"subnet"`
	Host    netip.Addr   `json:"host,omitzero"`
	Subnet6 netip.Prefix `json:"subnet6,omitzero"`
	Host6   netip.Addr   `json:"host6,omitzero"`
	// Holders are the addresses in use: of nodes, of other containers, and of the bridge.
	Holders []netip.Addr `json:"holders,omitempty"`
}

// Short returns the scenario's name of a node: control-plane, worker2.
func (f *Found) Short(name string) string {
	counts := map[string]int{}
	for _, n := range f.Nodes {
		short := "worker"
		if n.ControlPlane {
			short = "control-plane"
		}
		if counts[short]++; counts[short] > 1 {
			short = fmt.Sprintf("%s%d", short, counts[short])
		}
		if n.Name == name {
			return short
		}
	}
	return name
}

// Lines describes the cluster for people: programs, notes, and the limits.
func (f *Found) Lines() []string {
	all := slices.Concat(f.Programs, f.Notes)
	if f.Network == nil {
		all = append(all, "only the API reaches the nodes: seen "+f.Why)
	}
	return all
}

// PlacesError reports that the nodes' network has no room for the lab.
type PlacesError struct {
	Network string // the engine's name
	Subnet  netip.Prefix
	Wanted  netip.Prefix // of the scenario; invalid without a wish
	Taken   string       // the part in use
}

// Error names the conflict and the remedy.
func (e *PlacesError) Error() string {
	if e.Wanted.IsValid() {
		return fmt.Sprintf("network %s (%s): seen %s for the lab's addresses, %s, want a free /24 inside of %s, or none to have a free /24 found", e.Network, e.Subnet, e.Wanted, e.Taken, e.Subnet)
	}
	return fmt.Sprintf("network %s (%s): seen no /24 with free addresses for the lab (.11 to .62 and .201 to .254), want one", e.Network, e.Subnet)
}

// NoNetworkError reports that no container can be attached to the nodes.
type NoNetworkError struct{ Cluster, Network, Why string }

// Error returns the reason and the remedy.
func (e *NoNetworkError) Error() string {
	return fmt.Sprintf("cluster %s: seen %s, want nodes on a bridge of this engine for network %s", e.Cluster, e.Why, e.Network)
}

// Places returns the /24 inside the nodes' network from which the lab takes addresses: the scenario's, or the last /24
// with free addresses. The engine gives the first addresses to its own containers.
func (f *Found) Places(given *netip.Prefix) (netip.Prefix, error) {
	n := f.Network
	fail := &PlacesError{Network: n.Docker, Subnet: n.Subnet}
	if given != nil {
		fail.Wanted = *given
		if given.Bits() != 24 || !n.Subnet.Contains(given.Addr()) {
			fail.Taken = "which is no /24 of the network"
			return *given, fail
		}
		if fail.Taken = f.inUse(*given); fail.Taken != "" {
			return *given, fail
		}
		return *given, nil
	}
	if n.Subnet.Bits() > 24 {
		return netip.Prefix{}, fail
	}
	base := n.Subnet.Masked().Addr().As4()
	count := 1 << (24 - n.Subnet.Bits())
	first := int(base[1])<<8 | int(base[2])
	for i := min(count, 1<<16) - 1; i >= 0; i-- {
		base[1], base[2] = byte((first+i)>>8), byte(first+i)
		candidate := netip.PrefixFrom(netip.AddrFrom4(base), 24)
		if f.inUse(candidate) == "" {
			return candidate, nil
		}
	}
	return netip.Prefix{}, fail
}

// inUse describes the part of a /24 in use that the lab may need, or returns "".
func (f *Found) inUse(p netip.Prefix) string {
	for _, a := range f.Network.Holders {
		if offset := int(a.AsSlice()[3]); a.Is4() && p.Contains(a) && (offset >= routersAt && offset <= endpointAt || offset >= clientsAt) {
			return "in which " + a.String() + " is in use"
		}
	}
	for _, t := range f.Taken {
		if t.IsValid() && t.Bits() > f.Network.Subnet.Bits() && t.Overlaps(p) {
			return "which overlaps " + t.String() + ", the cluster's own"
		}
	}
	return ""
}

// RoutersAt returns the names of the scenario's routers on the nodes' network, by address.
func RoutersAt(s *scenario.Spec, places netip.Prefix, subnet6 netip.Prefix) map[netip.Addr]string {
	all := map[netip.Addr]string{}
	for i, r := range s.Routers {
		if slices.Contains(r.Networks, s.Cluster.Network) {
			all[at(places, routerAt(s.Routers, s.Cluster.Network, i))] = r.Name
			if subnet6.IsValid() {
				all[at6(subnet6, routerAt(s.Routers, s.Cluster.Network, i))] = r.Name
			}
		}
	}
	return all
}

// foreign plans the nodes' network, which the engine has already.
func (b *builder) foreign(n scenario.Network) (Network, error) {
	f := b.host.Found
	if f.Network == nil {
		return Network{}, &NoNetworkError{Cluster: f.Name, Network: n.Name, Why: f.Why}
	}
	places, err := f.Places(n.IPv4)
	if err != nil {
		return Network{}, err
	}
	out := Network{
		Name: n.Name, Docker: f.Network.Docker, Bridge: f.Network.Bridge, Subnet: f.Network.Subnet, Host: f.Network.Host, Nodes: f.Network.Subnet,
		Foreign: true, Places: places,
	}
	if b.spec.IPv6() {
		out.Subnet6, out.Host6, out.Nodes6 = f.Network.Subnet6, f.Network.Host6, f.Network.Subnet6
	}
	return out, nil
}

// joins reports whether a name is of a container of the lab, and not of a node.
func (b *builder) joins(name string) bool { return !slices.Contains(b.spec.NodeNames(), name) }

// Beyond returns a node by the scenario's or the cluster's name, and the reason why only the API reaches the node. For any
// other name, the reason is "".
func (p *Plan) Beyond(name string) (n Node, why string) {
	if !p.Cluster.Exists() {
		return n, ""
	}
	i := slices.IndexFunc(p.Cluster.Nodes, func(n Node) bool { return n.Remote && (n.Short == name || n.Name == name) })
	if i < 0 {
		return n, ""
	}
	return p.Cluster.Nodes[i], fmt.Sprintf("node %s is beyond the reach of this engine (seen %s): only the API reaches the node", name, p.Found.Why)
}

// existing plans a cluster that runs already: the lab adds routes to the nodes, and nothing else.
func (b *builder) existing() {
	f, c := b.host.Found, b.spec.Cluster
	b.Found = f
	b.Cluster = &Cluster{Name: f.Name, Provider: c.Provider, Network: c.Network, PodCIDR: c.PodCIDR, ServiceCIDR: c.ServiceCIDR, Routes: b.nodeRoutes()}
	if !c.PodCIDR.IsValid() {
		b.Cluster.PodCIDR, b.Cluster.ServiceCIDR = c.PodCIDR6, c.ServiceCIDR6
	}
	for i, short := range b.spec.NodeNames() {
		n := f.Nodes[i]
		b.Cluster.Nodes = append(b.Cluster.Nodes, Node{Name: n.Name, Short: short, ControlPlane: n.ControlPlane, Address: n.Address, Remote: f.Network == nil})
	}
}

// RouteProtocol marks the routes that the lab adds to the nodes of a running cluster (ip-route(8), proto). No routing
// daemon has the number.
const RouteProtocol = 173

// RouteCommands returns shell commands that add the lab's routes to a node of a running cluster. Each may run again.
func (c *Cluster) RouteCommands() []string {
	var all []string
	for _, r := range c.Routes {
		family := "-4"
		if r.To.Addr().Is6() {
			family = "-6"
		}
		all = append(all, fmt.Sprintf("ip %[1]s route show exact %[2]s proto %[4]d | grep -q . || ip %[1]s route add %[2]s via %[3]s proto %[4]d", family, r.To.Masked(), r.Via, RouteProtocol))
	}
	return all
}

// statics returns the routes of all nodes as static routes.
func (c *Cluster) statics() []StaticRoute {
	var all []StaticRoute
	for _, r := range c.Routes {
		all = append(all, StaticRoute{To: r.To.Masked(), Hops: []Hop{{Via: r.Via}}})
	}
	return all
}

// Foreign lists the containers of the plan that the lab neither makes nor removes: the nodes of a running cluster.
func (p *Plan) Foreign() []string {
	if !p.Cluster.Exists() {
		return nil
	}
	return p.clusterPlaces().Containers()
}

// Exists reports whether the cluster runs without the lab.
func (c *Cluster) Exists() bool { return c != nil && c.Provider == scenario.ProviderExisting }

// Short returns the scenario's name of the node with a Kubernetes name, or, for another name, the name without the cluster's prefix.
func (c *Cluster) Short(name string) string {
	for _, n := range c.Nodes {
		if n.Name == name {
			return n.Short
		}
	}
	return strings.TrimPrefix(name, c.Name+"-")
}
