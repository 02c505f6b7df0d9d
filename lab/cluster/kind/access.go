package kind

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/cluster"
)

const (
	adminConf = "/etc/kubernetes/admin.conf"
	apiPort   = "6443/tcp"
	// awaitAdmin waits within the node, so that a wait costs one exec and not one each 100 ms. Its rounds are bounded
	// since nobody ends it when this process is killed.
	awaitAdmin = `i=0; while [ $i -lt 2400 ] && ! grep -q client-key-data ` + adminConf + ` 2>/dev/null; do i=$((i+1)); sleep 0.1; done; cat ` + adminConf
)

// APIReady returns clients as soon as the API server answers its administrator, through the port published on the
// host's loopback, and writes the kubeconfig file. It may run beside Create, which is then waited for to have nodes.
func (c *Cluster) APIReady(ctx context.Context) (*cluster.Kube, error) {
	ctx, cancel := context.WithTimeout(ctx, apiWithin)
	defer cancel()
	select {
	case <-c.provisioned:
	case <-ctx.Done():
		return nil, fmt.Errorf("cluster %s: its nodes are not there: %w", c.plan.Cluster.Name, ctx.Err())
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("cluster %s: API server: %w", c.plan.Cluster.Name, ctx.Err())
	}
	if c.kube != nil {
		return c.kube, nil
	}
	kube, err := c.access(ctx)
	c.kube = kube
	return kube, err
}

// Open is APIReady on a cluster that another process has made.
func (c *Cluster) Open(ctx context.Context) (*cluster.Kube, error) {
	ctx, cancel := context.WithTimeout(ctx, resumeWithin)
	defer cancel()
	if raw, err := os.ReadFile(c.kubeconfig); err == nil {
		if kube, err := cluster.Connect(raw); err == nil && kube.Answers(ctx) == nil {
			return kube, nil
		}
	}
	return c.access(ctx)
}

func (c *Cluster) access(ctx context.Context) (*cluster.Kube, error) {
	raw, err := c.Nodes()[0].Exec(ctx, "sh", "-c", awaitAdmin)
	if err != nil && c.plan.Cluster.APIEndpoint != nil {
		raw, err = c.alive(ctx, "cat", adminConf)
	}
	if err != nil {
		return nil, fmt.Errorf("cluster %s: administrator's kubeconfig: %w", c.plan.Cluster.Name, err)
	}
	address, err := c.server(ctx)
	if err != nil {
		return nil, err
	}
	kubeconfig, err := cluster.External(raw, kubeconfigName(c.plan.Cluster.Name), address)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %s: %w", c.plan.Cluster.Name, adminConf, err)
	}
	kube, err := cluster.Connect(kubeconfig)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("cluster %s: API server at %s", c.plan.Cluster.Name, address)
	err = cluster.Retry(ctx, what, kube.Answers)
	if err != nil {
		return nil, err
	}
	return kube, cluster.WritePrivate(c.kubeconfig, kubeconfig)
}

// server is where the host reaches the API: at the endpoint's address, which lies on a bridge of the host's own, so that
// it does not matter which API server is alive; or at the port that the only one has on the host.
func (c *Cluster) server(ctx context.Context) (string, error) {
	if e := c.plan.Cluster.APIEndpoint; e != nil {
		return e.Server(), nil
	}
	return c.published(ctx)
}

// published is where the API server's port is on the host: 127.0.0.1:43211.
func (c *Cluster) published(ctx context.Context) (string, error) {
	for _, n := range c.plan.Cluster.Nodes {
		if !n.ControlPlane {
			continue
		}
		seen, err := c.engine.Client.ContainerInspect(ctx, n.Name, client.ContainerInspectOptions{})
		if err != nil {
			return "", fmt.Errorf("node %s: %w", n.Name, err)
		}
		if seen.Container.NetworkSettings == nil {
			return "", fmt.Errorf("node %s: it has no network; is it running?", n.Name)
		}
		for port, bindings := range seen.Container.NetworkSettings.Ports {
			if port.String() == apiPort && len(bindings) > 0 {
				return net.JoinHostPort(bindings[0].HostIP.String(), bindings[0].HostPort), nil
			}
		}
		return "", fmt.Errorf("node %s: port %s is not published on the host; is the node running?", n.Name, apiPort)
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
