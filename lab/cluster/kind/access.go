package kind

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/cluster"
)

// AdminConf is where kubeadm leaves its administrator's kubeconfig.
const AdminConf = "/etc/kubernetes/admin.conf"

// admin is the administrator's kubeconfig, and where the host reaches the API.
func (c *Cluster) admin(ctx context.Context) (raw []byte, address string, err error) {
	raw, err = c.Nodes()[0].Exec(ctx, "sh", "-c", cluster.AwaitAdmin(AdminConf))
	if err != nil && c.plan.Cluster.APIEndpoint != nil {
		raw, err = c.alive(ctx, "cat", AdminConf)
	}
	if err != nil {
		return nil, "", fmt.Errorf("cluster %s: administrator's kubeconfig: %w", c.plan.Cluster.Name, err)
	}
	address, err = c.server(ctx)
	return raw, address, err
}

// server is where the host reaches the API: at the endpoint's address, which lies on a bridge of the host's own, so that
// it does not matter which API server is alive; or at the port that the only one has on the host.
func (c *Cluster) server(ctx context.Context) (string, error) {
	if e := c.plan.Cluster.APIEndpoint; e != nil {
		return e.Server(), nil
	}
	for _, n := range c.plan.Cluster.Nodes {
		if n.ControlPlane {
			return cluster.Published(ctx, c.engine, n.Name)
		}
	}
	return "", errors.New("lab bug: a cluster without a control plane")
}

// start starts a node that is stopped. A running one is left alone.
func (c *Cluster) start(ctx context.Context, name string) error {
	_, err := c.engine.Client.ContainerStart(ctx, name, client.ContainerStartOptions{})
	if err != nil {
		return fmt.Errorf("node %s: %w", name, err)
	}
	return nil
}

// kubeconfigName is what kind calls a cluster, its user and its context.
func kubeconfigName(name string) string { return "kind-" + strings.TrimPrefix(name, "kind-") }
