package kind

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/client"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

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
		if kube, err := cluster.Connect(raw); err == nil && answers(ctx, kube) == nil {
			return kube, nil
		}
	}
	return c.access(ctx)
}

// answers returns nil if the API server is ready and grants its administrator what he asks for, which
// kubeadm arranges only after /readyz is ok.
func answers(ctx context.Context, kube *cluster.Kube) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := kube.Client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); err != nil {
		return fmt.Errorf("/readyz: %w", err)
	}
	_, err := kube.Client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	return err
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
	kubeconfig, err := external(raw, c.plan.Cluster.Name, address)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %s: %w", c.plan.Cluster.Name, adminConf, err)
	}
	kube, err := cluster.Connect(kubeconfig)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("cluster %s: API server at %s", c.plan.Cluster.Name, address)
	err = cluster.Retry(ctx, what, func(ctx context.Context) error { return answers(ctx, kube) })
	if err != nil {
		return nil, err
	}
	return kube, writePrivate(c.kubeconfig, kubeconfig)
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

// external makes the kubeconfig for use on the host of the one that kubeadm wrote for use in the node.
func external(raw []byte, name, address string) ([]byte, error) {
	config, err := clientcmd.Load(raw)
	if err != nil {
		return nil, err
	}
	current, ok := config.Contexts[config.CurrentContext]
	if !ok || config.Clusters[current.Cluster] == nil || config.AuthInfos[current.AuthInfo] == nil {
		return nil, fmt.Errorf("its context %q is not complete", config.CurrentContext)
	}
	server := config.Clusters[current.Cluster]
	server.Server = "https://" + address
	// One name for all three, as kind does it, so that files of several labs can be merged by who wants to.
	key := "kind-" + strings.TrimPrefix(name, "kind-")
	config.Clusters = map[string]*clientcmdapi.Cluster{key: server}
	config.AuthInfos = map[string]*clientcmdapi.AuthInfo{key: config.AuthInfos[current.AuthInfo]}
	current.Cluster, current.AuthInfo = key, key
	config.Contexts = map[string]*clientcmdapi.Context{key: current}
	config.CurrentContext = key
	return clientcmd.Write(*config)
}

// writePrivate writes a file that only its owner may read, whole or not at all.
func writePrivate(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("kubeconfig: %w", err)
	}
	// CreateTemp makes files of mode 0600.
	f, err := os.CreateTemp(filepath.Dir(path), ".kubeconfig-*")
	if err != nil {
		return fmt.Errorf("kubeconfig: %w", err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("kubeconfig %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
