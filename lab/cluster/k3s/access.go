package k3s

import (
	"context"
	"fmt"

	"skidpad.dev/skidpad/lab/cluster"
)

// AdminConf is where a server leaves its administrator's kubeconfig (https://docs.k3s.io/cluster-access).
const AdminConf = "/etc/rancher/k3s/k3s.yaml"

// admin is the administrator's kubeconfig of the first server, and where the host has that server's port.
func (c *Cluster) admin(ctx context.Context) (raw []byte, address string, err error) {
	first := c.plan.Cluster.Nodes[0].Name
	raw, err = c.Nodes()[0].Exec(ctx, "sh", "-c", cluster.AwaitAdmin(AdminConf))
	if err != nil {
		if ended := c.ended(ctx, first); ended != nil {
			err = ended
		}
		return nil, "", fmt.Errorf("cluster %s: administrator's kubeconfig: %w", c.plan.Cluster.Name, err)
	}
	address, err = cluster.Published(ctx, c.engine, first)
	return raw, address, err
}
