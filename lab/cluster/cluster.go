// Package cluster is what the rest of the lab sees of a Kubernetes cluster: the verbs of a provider, and clients
// that apply, read and wait.
package cluster

import (
	"context"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
)

// Provider makes one cluster and gives access to it. Each plan.Cluster.Provider has a folder of its own.
type Provider interface {
	// Create returns when every planned node has joined; none need be Ready, since that waits for the CNI.
	// What is there already and whole is left alone. What a failure leaves behind can be looked at; `down` removes it.
	Create(ctx context.Context, img image.Resolved) error
	// APIReady returns clients as soon as the API server answers its administrator, which is long before
	// Create ends. It writes the kubeconfig file, mode 0600. It may run beside Create, or on a cluster that runs.
	APIReady(ctx context.Context) (*Kube, error)
	// Open is APIReady on a cluster that another process has made.
	Open(ctx context.Context) (*Kube, error)
	// Nodes are handles on the planned nodes, control plane first. They do no I/O.
	Nodes() []node.Node
}

// Nodes are handles on a cluster's planned nodes, control plane first. They do no I/O.
func Nodes(e *docker.Engine, c *plan.Cluster) []node.Node {
	var first, rest []node.Node
	for _, n := range c.Nodes {
		h := e.Node(n.Name, node.KindCluster, n.Name)
		if n.ControlPlane {
			first = append(first, h)
		} else {
			rest = append(rest, h)
		}
	}
	return append(first, rest...)
}
