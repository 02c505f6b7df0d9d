package scenario

import "slices"

// Known checks that a list contains a name. The noun describes the entries of the list.
func (v *Validation) Known(path, name, noun string, known []string) bool {
	if slices.Contains(known, name) {
		return true
	}
	v.Unknown(path, name, noun, known)
	return false
}

// Containers lists all nodes of the lab: clients, routers, cluster nodes and gateways' guards.
func (v *Validation) Containers() []string { return append(v.Senders(), v.Guards()...) }

// RouterNames lists the routers.
func (v *Validation) RouterNames() []string { return v.routerNames() }

// LinkOf checks that a node has an interface on a network.
func (v *Validation) LinkOf(path, node, network string) {
	if !v.Network(path, network) {
		return
	}
	if on := v.NetworksOf(node); on != nil && !slices.Contains(on, network) {
		v.Add(path, "seen %q, on which %s has no link, want one of: %s", network, node, list(on))
	}
}

// NetworksOf lists the networks with a link of the node; nil if the scenario does not define the links.
func (v *Validation) NetworksOf(node string) []string {
	node = v.HomeOf(node)
	if r := v.spec.Router(node); r != nil {
		return r.Networks
	}
	for _, c := range v.spec.Hosts() {
		if c.Name == node {
			return c.Attached()
		}
	}
	if v.spec.Cluster == nil || !slices.Contains(v.spec.NodeNames(), node) {
		return nil
	}
	c := v.spec.Cluster
	return append([]string{c.Home(node)}, c.Settings(node).Networks...)
}

// HomeOf returns the owner of the node's network namespace: for the guard of a gateway the guarding router or cluster node,
// else the node itself.
func (v *Validation) HomeOf(node string) string {
	for _, g := range v.spec.Gateways {
		for _, m := range g.Members {
			if m+"-"+g.Name == node {
				return m
			}
		}
	}
	return node
}
