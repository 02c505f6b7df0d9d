package addon

import (
	"context"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/plan"
)

// members counts the wanted nodes of a DaemonSet: all nodes of the bring-up, even before the API lists the node, and the
// nodes of cluster.joinLater that have joined since.
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
