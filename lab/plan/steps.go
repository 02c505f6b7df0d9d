package plan

import (
	"fmt"
	"slices"

	"skidpad.dev/skidpad/lab/scenario"
)

// The steps' names.
const (
	StepImages     = "images"
	StepNetworks   = "networks"
	StepRouters    = "routers"
	StepGateways   = "gateways"
	StepClients    = "clients"
	StepContainers = "containers"
	StepCluster    = "cluster"
	StepCNI        = "cni"
	StepAddons     = "addons"
	StepWorkloads  = "workloads"
	StepManifests  = "manifests"
	StepReady      = "ready"
)

// steps lists the steps; each starts as soon as the steps in After have ended. The CNI does not come after the cluster:
// the CNI's step waits for the API, and installs the CNI while workers join.
func (b *builder) steps() {
	networks := []string{StepNetworks}
	add := func(when bool, name, what string, after ...string) {
		if when {
			b.Steps = append(b.Steps, Step{Name: name, After: after, What: what})
		}
	}
	add(true, StepImages, plural(len(b.Images), "image")+", pulled or built where the engine has none")
	add(true, StepNetworks, b.made(), StepImages)
	add(len(b.Routers) > 0, StepRouters, plural(len(b.Routers), "router"), networks...)
	onNodes := slices.ContainsFunc(b.spec.Gateways, func(g scenario.Gateway) bool { return g.OnNodes(b.spec) })
	gateways := func(when bool, after ...string) {
		add(len(b.Gateways) > 0 && when, StepGateways, plural(len(b.Gateways), "guarded gateway"), after...)
	}
	gateways(!onNodes, StepRouters)
	add(len(b.Clients) > 0, StepClients, plural(len(b.Clients), "client"), networks...)
	add(len(b.Containers) > 0, StepContainers, plural(len(b.Containers), "container"), networks...)
	if c := b.Cluster; c != nil {
		what := fmt.Sprintf("%s of Kubernetes %s", plural(len(c.Nodes), "node"), c.Image.Version)
		if c.Exists() {
			what = fmt.Sprintf("%s of the running cluster %s", plural(len(c.Nodes), "node"), c.Name)
		}
		if len(c.Routes) > 0 {
			what += ", with routes to what lies beyond the routers"
		}
		add(true, StepCluster, what, networks...)
	}
	before := []string{StepCluster}
	if len(b.Routers) > 0 {
		before = append(before, StepRouters)
	}
	gateways(onNodes, before...)
	cni, others := addonNames(b.Addons, true), addonNames(b.Addons, false)
	add(cni != "", StepCNI, cni+" with its resources, from when the API answers", networks...)
	add(others != "", StepAddons, others+", from when the API answers", networks...)
	add(len(b.Workloads) > 0, StepWorkloads, plural(len(b.Workloads), "workload"), networks...)
	if m := b.Manifests; m != nil {
		var before []string
		for _, s := range b.Steps {
			if s.Name == StepCluster || s.Name == StepCNI || s.Name == StepAddons || s.Name == StepWorkloads {
				before = append(before, s.Name)
			}
		}
		add(true, StepManifests, plural(len(m.Objects), "object")+" of the scenario's own", before...)
	}
	var all []string
	for _, s := range b.Steps {
		all = append(all, s.Name)
	}
	add(true, StepReady, "nodes, agents and workloads answer", all...)
}

// made counts the networks by kind.
func (b *builder) made() string {
	made := plural(len(b.Bridges()), "bridge")
	links, upper := 0, 0
	for _, n := range b.Networks {
		switch {
		case len(n.Lower()) > 0:
			upper++
		case !n.Bridged():
			links++
		}
	}
	if links > 0 {
		made += fmt.Sprintf("; %s between containers that run", plural(links, "point-to-point link"))
	}
	if upper > 0 {
		made += fmt.Sprintf("; %s of interfaces of containers that run", plural(upper, "network"))
	}
	return made
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
