package plan

import "fmt"

// The steps' names.
const (
	StepImages    = "images"
	StepNetworks  = "networks"
	StepRouters   = "routers"
	StepGateways  = "gateways"
	StepClients   = "clients"
	StepCluster   = "cluster"
	StepCNI       = "cni"
	StepAddons    = "addons"
	StepWorkloads = "workloads"
	StepReady     = "ready"
)

// steps lists the steps; each starts as soon as the steps in After have ended. The CNI does not come after the cluster:
// the CNI's step waits for the API, and installs the CNI while workers join.
func (b *builder) steps() {
	made := []string{StepNetworks}
	add := func(when bool, name, what string, after ...string) {
		if when {
			b.Steps = append(b.Steps, Step{Name: name, After: after, What: what})
		}
	}
	add(true, StepImages, plural(len(b.Images), "image")+", pulled or built where the engine has none")
	add(true, StepNetworks, plural(len(b.Networks), "bridge"), StepImages)
	add(len(b.Routers) > 0, StepRouters, plural(len(b.Routers), "router"), made...)
	add(len(b.Gateways) > 0, StepGateways, plural(len(b.Gateways), "guarded gateway"), StepRouters)
	add(len(b.Clients) > 0, StepClients, plural(len(b.Clients), "client"), made...)
	if c := b.Cluster; c != nil {
		what := fmt.Sprintf("%s of Kubernetes %s", plural(len(c.Nodes), "node"), c.Image.Version)
		if len(c.Routes) > 0 {
			what += ", with routes to what lies beyond the routers"
		}
		add(true, StepCluster, what, made...)
	}
	cni, others := addonNames(b.Addons, true), addonNames(b.Addons, false)
	add(cni != "", StepCNI, cni+" with its resources, from when the API answers", made...)
	add(others != "", StepAddons, others+", from when the API answers", made...)
	add(len(b.Workloads) > 0, StepWorkloads, plural(len(b.Workloads), "workload"), made...)
	var all []string
	for _, s := range b.Steps {
		all = append(all, s.Name)
	}
	add(true, StepReady, "nodes, agents and workloads answer", all...)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
