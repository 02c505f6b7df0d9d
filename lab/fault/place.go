package fault

import (
	"slices"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
)

// place is a node of the plan from the view of faults.
type place struct {
	name      string
	kind      node.Kind
	container string
	// home is the container with the network namespace of the place: the place's own container, or the router's.
	home     string
	networks []string // names of the scenario
	riders   []string // other containers in the namespaces of this place
	beyond   string   // the reason why only the API reaches the place; else ""
}

// places lists the containers that faults can break, each router before the gateways' members in its namespaces.
func places(p *plan.Plan) []place {
	planned := p.Places()
	var all []place
	for _, x := range planned.Of(node.KindCluster, node.KindRouter, node.KindClient, node.KindContainer) {
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

// find returns the place with a name. The name is the scenario's or the container's.
func find(p *plan.Plan, name string) (place, bool) {
	all := places(p)
	i := slices.IndexFunc(all, func(x place) bool { return x.name == name || x.container == name })
	if i >= 0 {
		return all[i], true
	}
	n, why := p.Beyond(name)
	return place{name: n.Short, kind: node.KindCluster, container: n.Name, home: n.Name, beyond: why}, why != ""
}

// device returns the name of the place's interface on a network. A cluster node has eth0 on the first network; every other
// interface has the network's name.
func (x place) device(network string) string {
	if x.kind == node.KindCluster && x.networks[0] == network {
		return plan.NodeDevice
	}
	return network
}

// on returns the networks of a fault: the named network, or all networks of the place.
func (x place) on(network string) []string {
	if network != "" {
		return []string{network}
	}
	return x.networks
}

// shared returns the common networks of two places.
func (x place) shared(y place, network string) []string {
	var list []string
	for _, n := range x.on(network) {
		if slices.Contains(y.networks, n) {
			list = append(list, n)
		}
	}
	return list
}
