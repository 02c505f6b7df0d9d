package kind

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/cluster"
)

// AdminConf is the path of kubeadm's administrator kubeconfig.
const AdminConf = "/etc/kubernetes/admin.conf"

// admin returns the administrator's kubeconfig, and the host's address of the API.
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

// server returns the host's address of the API: the endpoint's address on a bridge of the host, independent of which
// API server is alive; or the host's port of the only API server.
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

// start starts a stopped node. A running node is left alone.
func (c *Cluster) start(ctx context.Context, name string) error {
	_, err := c.engine.Client.ContainerStart(ctx, name, client.ContainerStartOptions{})
	if err != nil {
		return fmt.Errorf("node %s: %w", name, err)
	}
	return nil
}

// kubeconfigName is kind's name of a cluster, its user and its context.
func kubeconfigName(name string) string { return "kind-" + strings.TrimPrefix(name, "kind-") }
