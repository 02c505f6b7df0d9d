package scenario

import (
	"fmt"
	"slices"
	"time"
)

// firstControlPlane is the node that kubeadm initialises. All other nodes join.
const firstControlPlane = "control-plane"

// apiServerPort is the port of kubeadm's API servers on every control-plane node.
const apiServerPort = 6443

// endpoint checks the address in front of the API servers, and the nodes that join later.
func (v *Validation) endpoint(c *Cluster) {
	v.joinLater(c)
	e := c.APIEndpoint
	if e == nil {
		return
	}
	const path = "spec.cluster.apiEndpoint"
	if c.Provider != ProviderKind {
		v.NotYet(path, "an endpoint with provider "+c.Provider, ProviderKind)
	}
	if e.Port == apiServerPort {
		v.Add(path+".port", "seen %d, on which the API servers listen on the same nodes, want another port such as %d", e.Port, DefaultEndpointPort)
	}
	v.advertInterval(path+".advertInterval", e.AdvertInterval)
	if d := e.Check.Interval.Std(); d < time.Second || d > time.Minute || d%time.Second != 0 {
		v.Add(path+".check.interval", "seen %s, want whole seconds from 1s to 60s, which is what keepalived's scripts know", e.Check.Interval)
	}
}

// joinLater checks that the nodes are nodes of the scenario other than the first control plane, and that the provider supports
// a later join.
func (v *Validation) joinLater(c *Cluster) {
	known := slices.DeleteFunc(v.spec.NodeNames(), func(n string) bool { return n == firstControlPlane })
	v.Repeated("spec.cluster.joinLater", c.JoinLater)
	for i, name := range c.JoinLater {
		at := fmt.Sprintf("spec.cluster.joinLater[%d]", i)
		if !slices.Contains(known, name) {
			v.Unknown(at, name, "node besides "+firstControlPlane, known)
		}
	}
	if len(c.JoinLater) > 0 && c.Provider != ProviderKind {
		v.NotYet("spec.cluster.joinLater", "nodes that join later with provider "+c.Provider, ProviderKind)
	}
}
