package fault

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// place is a node of the plan as faults see it.
type place struct {
	name      string
	kind      node.Kind
	container string
	// home is the container whose network namespace it is in: its own, or its router's.
	home     string
	networks []string // the scenario's names
	riders   []string // containers that live in its namespaces
}

// places lists the containers that faults can break, each router before the gateways' members in its namespaces.
func places(p *plan.Plan) []place {
	planned := p.Places()
	var all []place
	for _, x := range planned.Of(node.KindCluster, node.KindRouter, node.KindClient) {
		riders := planned.Riders(x.Container)
		all = append(all, placeOf(x, riders.Containers()))
		for _, m := range riders {
			all = append(all, placeOf(m, nil))
		}
	}
	return all
}

func placeOf(x plan.Place, riders []string) place {
	return place{name: x.Name, kind: x.Kind, container: x.Container, home: x.Home, networks: x.NetworkNames(), riders: riders}
}

// find looks a place up by the scenario's name or the container's.
func find(p *plan.Plan, name string) (place, bool) {
	all := places(p)
	i := slices.IndexFunc(all, func(x place) bool { return x.name == name || x.container == name })
	if i < 0 {
		return place{}, false
	}
	return all[i], true
}

func nodeNames(p *plan.Plan, kinds ...node.Kind) string {
	var names []string
	for _, x := range places(p) {
		if len(kinds) == 0 || slices.Contains(kinds, x.kind) {
			names = append(names, x.name)
		}
	}
	return strings.Join(names, ", ")
}

// device is the name of the place's interface on a network: routers and clients name theirs for it.
func (x place) device(network string) string {
	if x.kind == node.KindCluster {
		return "eth0"
	}
	return network
}

// on are the networks that a fault is about: the one it names, or all of the place's.
func (x place) on(network string) []string {
	if network != "" {
		return []string{network}
	}
	return x.networks
}

// shared are the networks that two places are both on.
func (x place) shared(y place, network string) []string {
	var list []string
	for _, n := range x.on(network) {
		if slices.Contains(y.networks, n) {
			list = append(list, n)
		}
	}
	return list
}

// Validate returns an *Invalid with everything that is wrong with the fault in this lab, or nil.
func (f Fault) Validate(p *plan.Plan) error {
	problems := f.shape()
	if a, ok := about(f.Kind); ok && f.Node != "" {
		problems = append(problems, f.misplaced(p, a)...)
	}
	if len(problems) == 0 {
		return nil
	}
	return &Invalid{f.String(), problems}
}

// misplaced returns the names that the lab does not have, or has in another place.
func (f Fault) misplaced(p *plan.Plan, a About) []string {
	var problems []string
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	switch a.On {
	case scenario.FaultOnLease:
		if p.Cluster == nil {
			add("seen a lab without a cluster, want one: leases are Kubernetes'")
		}
		return problems
	case scenario.FaultOnWorkload:
		if !slices.ContainsFunc(p.Workloads, func(w plan.Workload) bool { return w.Name == f.Node }) {
			add("seen workload %q, want one of the lab's", f.Node)
		}
		return problems
	}
	at, ok := find(p, f.Node)
	switch {
	case !ok:
		add("seen node %q, want one of: %s", f.Node, nodeNames(p))
		return problems
	case a.On == scenario.FaultOnRouter && at.kind != node.KindRouter:
		add("seen %q, want a router: %s", f.Node, nodeNames(p, node.KindRouter))
	case a.On == scenario.FaultOnClusterNode && at.kind != node.KindCluster:
		add("seen %q, want a cluster node: %s", f.Node, nodeNames(p, node.KindCluster))
	}
	if f.Network != "" && !slices.Contains(at.networks, f.Network) {
		add("network: seen %q, want one that %s is on: %s", f.Network, f.Node, strings.Join(at.networks, ", "))
	}
	if a.OneLink && f.Network == "" && len(at.networks) > 1 {
		add("network: seen nothing, want one of: %s", strings.Join(at.networks, ", "))
	}
	return append(problems, f.badPeer(p, at)...)
}

// badPeer returns what is wrong with the peer.
func (f Fault) badPeer(p *plan.Plan, at place) []string {
	switch f.Kind {
	case KindBGPShut, KindBGPClear, KindBGPSoftClear:
		return f.badSpeaker(p, at)
	}
	if f.Peer == "" {
		return nil
	}
	switch f.Kind {
	case KindPartition, KindDrop:
		peer, ok := find(p, f.Peer)
		switch {
		case !ok:
			return []string{fmt.Sprintf("peer: seen %q, want one of: %s", f.Peer, nodeNames(p))}
		case peer.home == at.home:
			return []string{fmt.Sprintf("peer: seen %q, which shares the network namespace of %s, want another node", f.Peer, f.Node)}
		case len(at.shared(peer, f.Network)) == 0:
			return []string{fmt.Sprintf("peer: seen %q, which shares no such network with %s", f.Peer, f.Node)}
		}
	case KindStaleNeighbor, KindWrongNeighbor:
		_, isNode := find(p, f.Peer)
		_, notAddress := netip.ParseAddr(f.Peer)
		isGateway := slices.ContainsFunc(p.Gateways, func(g plan.Gateway) bool { return g.Name == f.Peer })
		if !isNode && !isGateway && notAddress != nil {
			return []string{fmt.Sprintf("peer: seen %q, want an address, a gateway or one of: %s", f.Peer, nodeNames(p))}
		}
	}
	return nil
}
