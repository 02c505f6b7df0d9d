package fault

import (
	"net/netip"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

// noDefaults is part of members without defaults.
type noDefaults struct{}

// SetDefaults does nothing.
func (noDefaults) SetDefaults(*scenario.Spec) {}

// anyNode checks the name of a node, router, client or gateway's guard.
func anyNode(v *scenario.Validation, path, name string) {
	v.Known(path, name, "client, router, node or gateway's guard", v.Containers())
}

// clusterNode checks the name of a cluster node.
func clusterNode(v *scenario.Validation, path, name string) {
	v.Known(path, name, "node", v.Spec().NodeNames())
}

// onNetwork checks a fault of a node's links. Without a network, the fault is on all links.
func onNetwork(v *scenario.Validation, path, verb, node, network string) {
	anyNode(v, path+"."+verb, node)
	if network != "" {
		v.LinkOf(path+".network", node, network)
	}
}

// oneLink checks a fault of a single link. A node with several links needs a network.
func oneLink(v *scenario.Validation, path, verb, node, network string) {
	onNetwork(v, path, verb, node, network)
	if on := v.NetworksOf(node); network == "" && len(on) > 1 {
		v.Add(path+".network", "seen nothing, want the network of %s, one of: %s", verb, strings.Join(on, ", "))
	}
}

// otherNode checks a peer: another node with another network namespace on the same network.
func otherNode(v *scenario.Validation, path, node, peer, network string) {
	known := v.Containers()
	on, others := v.NetworksOf(node), v.NetworksOf(peer)
	if network != "" {
		on = []string{network}
	}
	switch {
	case !slices.Contains(known, peer) || peer == node:
		v.Add(path, "seen %q, want another node of the scenario: %s", peer, strings.Join(known, ", "))
	case v.HomeOf(peer) == v.HomeOf(node):
		v.Add(path, "seen %q, in the network namespace of %s, want another node", peer, node)
	case on != nil && others != nil && !slices.ContainsFunc(on, func(n string) bool { return slices.Contains(others, n) }):
		v.Add(path, "seen %q, on none of the networks %s of %s, want a node on one of these", peer, strings.Join(on, ", "), node)
	}
}

// neighbourOf checks the peer of a neighbour table's entry: a node, a gateway or an address.
func neighbourOf(v *scenario.Validation, path, peer string) {
	_, err := netip.ParseAddr(peer)
	if known := v.Containers(); err != nil && !slices.Contains(known, peer) && v.Spec().Gateway(peer) == nil {
		v.Add(path, "seen %q, want an address, a gateway or another node of the scenario: %s", peer, strings.Join(known, ", "))
	}
}

// sessionsOf checks a fault of a router's BGP sessions. Without a peer, the fault is on all sessions.
func sessionsOf(v *scenario.Validation, path, verb, router, peer string) {
	if !v.Known(path+"."+verb, router, "router", v.RouterNames()) {
		return
	}
	if v.Spec().Router(router).BGP == nil {
		v.Add(path+"."+verb, "seen %q, want a router that speaks BGP", router)
	}
	_, err := netip.ParseAddr(peer)
	speakers := append(v.RouterNames(), v.Spec().NodeNames()...)
	// The groups of the nodes' sessions are nodes, nodes6 and nodes-NETWORK.
	if peer != "" && err != nil && !slices.Contains(speakers, peer) && !strings.HasPrefix(peer, scenario.AllNodes) {
		v.Add(path+".peer", "seen %q, want %q, an address or a speaker of the scenario: %s", peer, scenario.AllNodes, strings.Join(speakers, ", "))
	}
}
