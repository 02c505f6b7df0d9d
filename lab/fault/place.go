package fault

import (
	"slices"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
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
