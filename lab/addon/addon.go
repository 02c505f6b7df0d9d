// Package addon installs what a scenario puts into its cluster: addons such as Cilium, and workloads.
package addon

import (
	"context"

	"skidpad.dev/skidpad/lab/cluster"
)

// Addon is something that is installed into a cluster. Its verbs are called in the order of this interface;
// each may be called again on a lab that has it already, and then changes nothing that is as planned.
type Addon interface {
	Name() string
	// Prepare reads what is needed from the host. It needs no cluster, so it can run while one is made.
	Prepare(ctx context.Context) error
	// Install hands everything to the API server and waits for nothing else.
	Install(ctx context.Context, k *cluster.Kube) error
	// Ready waits until it works; the error of a wait that failed says which pods are not ready and why.
	Ready(ctx context.Context, k *cluster.Kube) error
}
