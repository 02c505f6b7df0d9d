// Package addon installs the software of a scenario's cluster: addons, for example Cilium, and workloads.
package addon

import (
	"context"

	"skidpad.dev/skidpad/lab/cluster"
)

// Addon is software for a cluster. Callers call the methods in the order of this interface. A repeated call changes nothing
// if the lab fits the plan.
type Addon interface {
	Name() string
	// Prepare reads the needed files from the host. Prepare needs no cluster, and can run while the cluster starts.
	Prepare(ctx context.Context) error
	// Install hands all objects to the API server and waits for nothing else.
	Install(ctx context.Context, k *cluster.Kube) error
	// Ready waits until the addon works. The error of a failed wait names the pods that are not ready, and the reasons.
	Ready(ctx context.Context, k *cluster.Kube) error
}
