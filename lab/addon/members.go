package addon

import (
	"context"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/plan"
)

// members counts the nodes that a DaemonSet has to run on: the nodes that join at bring-up, whether the API lists them yet
// or not, and those of cluster.joinLater that have joined since.
func members(ctx context.Context, k *cluster.Kube, c *plan.Cluster) (int, error) {
	count := len(c.Members())
	if count == len(c.Nodes) {
		return count, nil
	}
	nodes, err := ReadNodes(ctx, k)
	if err != nil {
		return 0, err
	}
	joined := map[string]bool{}
	for _, n := range nodes {
		joined[n.Name] = true
	}
	for _, n := range c.Nodes {
		if n.Later && joined[n.Name] {
			count++
		}
	}
	return count, nil
}
