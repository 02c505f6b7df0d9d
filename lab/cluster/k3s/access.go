package k3s

import (
	"context"
	"fmt"

	"skidpad.dev/skidpad/lab/cluster"
)

// AdminConf is the path of a server's administrator kubeconfig (https://docs.k3s.io/cluster-access).
const AdminConf = "/etc/rancher/k3s/k3s.yaml"

// admin returns the administrator's kubeconfig of the first server, and the host's address of the server's port.
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
