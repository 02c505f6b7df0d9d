package k3s

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/cluster"
)

const (
	// adminConf is where a server leaves its administrator's kubeconfig (https://docs.k3s.io/cluster-access).
	adminConf = "/etc/rancher/k3s/k3s.yaml"
	apiPort   = 6443
	// awaitAdmin waits within the node, so that a wait costs one exec. Its rounds are bounded since nobody ends it
	// when this process is killed.
	awaitAdmin = `i=0; while [ $i -lt 2400 ] && ! grep -q client-key-data ` + adminConf + ` 2>/dev/null; do i=$((i+1)); sleep 0.1; done; cat ` + adminConf
)

// APIReady returns clients as soon as the API of the first server answers its administrator, through the port published
// on the host's loopback, and writes the kubeconfig file. It may run beside Create, which is then waited for.
func (c *Cluster) APIReady(ctx context.Context) (*cluster.Kube, error) {
	ctx, cancel := context.WithTimeout(ctx, apiWithin)
	defer cancel()
	select {
	case <-c.started:
	case <-ctx.Done():
		return nil, fmt.Errorf("cluster %s: its first server is not there: %w", c.plan.Cluster.Name, ctx.Err())
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
	first := c.plan.Cluster.Nodes[0].Name
	raw, err := c.Nodes()[0].Exec(ctx, "sh", "-c", awaitAdmin)
	if err != nil {
		if ended := c.ended(ctx, first); ended != nil {
			err = ended
		}
		return nil, fmt.Errorf("cluster %s: administrator's kubeconfig: %w", c.plan.Cluster.Name, err)
	}
	address, err := c.published(ctx, first)
	if err != nil {
		return nil, err
	}
	kubeconfig, err := cluster.External(raw, "k3s-"+c.plan.Cluster.Name, address)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %s: %w", c.plan.Cluster.Name, adminConf, err)
	}
	kube, err := cluster.Connect(kubeconfig)
	if err != nil {
		return nil, err
	}
	if err := cluster.Retry(ctx, fmt.Sprintf("cluster %s: API server at %s", c.plan.Cluster.Name, address), kube.Answers); err != nil {
		return nil, err
	}
	return kube, cluster.WritePrivate(c.kubeconfig, kubeconfig)
}

// published is where the host has a server's port: 127.0.0.1:43211.
func (c *Cluster) published(ctx context.Context, name string) (string, error) {
	seen, err := c.engine.Client.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err != nil {
		return "", fmt.Errorf("node %s: %w", name, err)
	}
	if seen.Container.NetworkSettings != nil {
		for port, bindings := range seen.Container.NetworkSettings.Ports {
			if int(port.Num()) == apiPort && len(bindings) > 0 {
				return net.JoinHostPort(bindings[0].HostIP.String(), bindings[0].HostPort), nil
			}
		}
	}
	return "", fmt.Errorf("node %s: port %d is not published on the host; is the node running?", name, apiPort)
}
