// Package cluster is the lab's view of a Kubernetes cluster: the verbs of a provider, and clients that apply,
// read and wait.
package cluster

import (
	"context"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
)

// Provider makes one cluster and gives access to the cluster. Each plan.Cluster.Provider has its own folder.
type Provider interface {
	// Create returns when every planned node has joined. No node needs to be Ready, since readiness waits for the
	// CNI. Existing complete parts stay unchanged. After a failure, the remains stay for inspection; `down`
	// removes the remains.
	Create(ctx context.Context, img image.Resolved) error
	// APIReady returns clients as soon as the API server answers its administrator, long before Create ends.
	// APIReady writes the kubeconfig file, mode 0600. APIReady may run at the same time as Create, or on a running
	// cluster.
	APIReady(ctx context.Context) (*Kube, error)
	// Open is APIReady on a cluster made by another process.
	Open(ctx context.Context) (*Kube, error)
	// Nodes returns handles on the planned nodes, control plane first, without I/O.
	Nodes() []node.Node
}

// Nodes returns handles on a cluster's planned nodes, control plane first, without I/O.
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
