package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/moby/moby/client"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/wait"
)

const (
	// apiWithin limits the wait for a starting API server; slow machines take a minute, and k3s unpacks its images
	// first.
	apiWithin = 4 * time.Minute
	// ResumeWithin limits the wait for a control plane that ran before.
	ResumeWithin = time.Minute
	// APIPort is the port of the API servers in their nodes.
	APIPort = 6443
)

// Access is the host's access to a cluster's API. The first caller finds the access; later callers share the
// result.
type Access struct {
	Kubeconfig string // the file for the administrator's kubeconfig for use on the host
	// Dial, if set, reaches the addresses of the engine's machine, which is not this machine.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	cluster string
	context string // the name of cluster, user and context in the kubeconfig
	admin   func(ctx context.Context) (raw []byte, address string, err error)

	there     chan struct{} // closed when the first node runs
	thereOnce sync.Once
	turn      chan struct{} // held by the one caller that checks the API; kube is the result
	kube      *Kube
}

// NewAccess does no I/O. admin must return the administrator's kubeconfig as used inside the cluster, and the
// API's address for the host.
func NewAccess(cluster, context, kubeconfig string, admin func(context.Context) (raw []byte, address string, err error)) *Access {
	return &Access{Kubeconfig: kubeconfig, cluster: cluster, context: context, admin: admin, there: make(chan struct{}), turn: make(chan struct{}, 1)}
}

// There marks the first node as running and therefore ready for requests. All requests wait for this mark.
func (a *Access) There() { a.thereOnce.Do(func() { close(a.there) }) }

// APIReady returns clients as soon as the API server answers its administrator, through the port published on
// the host's loopback, and writes the kubeconfig file. APIReady may run at the same time as Create, and then
// waits for Create to start the first node.
func (a *Access) APIReady(ctx context.Context) (*Kube, error) {
	ctx, cancel := context.WithTimeout(ctx, apiWithin)
	defer cancel()
	select {
	case <-a.there:
	case <-ctx.Done():
		return nil, fmt.Errorf("cluster %s: its first node is not there: %w", a.cluster, ctx.Err())
	}
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("cluster %s: API server: %w", a.cluster, ctx.Err())
	}
	if a.kube != nil {
		return a.kube, nil
	}
	kube, err := a.Find(ctx)
	a.kube = kube
	return kube, err
}

// Open is APIReady on a cluster made by another process.
func (a *Access) Open(ctx context.Context) (*Kube, error) {
	ctx, cancel := context.WithTimeout(ctx, ResumeWithin)
	defer cancel()
	if raw, err := os.ReadFile(a.Kubeconfig); err == nil {
		if kube, err := Connect(raw, a.Dial); err == nil && kube.Answers(ctx) == nil {
			return kube, nil
		}
	}
	return a.Find(ctx)
}

// Find asks the cluster, even if an earlier answer is known.
func (a *Access) Find(ctx context.Context) (*Kube, error) {
	raw, address, err := a.admin(ctx)
	if err != nil {
		return nil, err
	}
	kubeconfig, err := External(raw, a.context, address)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: administrator's kubeconfig: %w", a.cluster, err)
	}
	kube, err := Connect(kubeconfig, a.Dial)
	if err != nil {
		return nil, err
	}
	if err := wait.Until(ctx, wait.For{What: fmt.Sprintf("cluster %s: API server at %s", a.cluster, address), Each: OneCall}, kube.Answers); err != nil {
		return nil, err
	}
	return kube, WritePrivate(a.Kubeconfig, kubeconfig)
}

// AwaitAdmin returns a shell command line that waits for the administrator's kubeconfig within a node and
// writes the kubeconfig to standard output. A wait thus costs one exec instead of one exec every 100 ms. The
// loop is bounded, because nothing ends the loop if this process is killed.
func AwaitAdmin(path string) string {
	return `i=0; while [ $i -lt 2400 ] && ! grep -q client-key-data ` + path + ` 2>/dev/null; do i=$((i+1)); sleep 0.1; done; cat ` + path
}

// Published returns the host's address of a node's API port: 127.0.0.1:43211.
func Published(ctx context.Context, e *docker.Engine, name string) (string, error) {
	seen, err := e.Client.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err != nil {
		return "", fmt.Errorf("node %s: %w", name, err)
	}
	if seen.Container.NetworkSettings != nil {
		for port, bindings := range seen.Container.NetworkSettings.Ports {
			if int(port.Num()) == APIPort && len(bindings) > 0 {
				return net.JoinHostPort(bindings[0].HostIP.String(), bindings[0].HostPort), nil
			}
		}
	}
	return "", fmt.Errorf("node %s: port %d is not published on the host; is the node running?", name, APIPort)
}

// Answers returns nil if the API server is ready and grants the administrator's request. The grant may come
// after /readyz is ok.
func (k *Kube) Answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := k.Client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); err != nil {
		return fmt.Errorf("/readyz: %w", err)
	}
	_, err := k.Client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	return err
}

// External converts a node's own kubeconfig to a kubeconfig for use on the host, with the host's address.
// Cluster, user and context get the same name, so that users can merge the files of several clusters.
func External(raw []byte, name, address string) ([]byte, error) {
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
	config.Clusters = map[string]*clientcmdapi.Cluster{name: server}
	config.AuthInfos = map[string]*clientcmdapi.AuthInfo{name: config.AuthInfos[current.AuthInfo]}
	current.Cluster, current.AuthInfo = name, name
	config.Contexts = map[string]*clientcmdapi.Context{name: current}
	config.CurrentContext = name
	return clientcmd.Write(*config)
}

// Through returns a kubeconfig with another address of the API server, for example the local end of a tunnel. open gets the
// server's own address and returns the other address. The server's certificate is still checked against the own address.
func Through(kubeconfig []byte, open func(own string) (address string, err error)) ([]byte, error) {
	config, err := clientcmd.Load(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	for _, server := range config.Clusters {
		u, err := url.Parse(server.Server)
		if err != nil {
			return nil, fmt.Errorf("kubeconfig: %w", err)
		}
		address, err := open(u.Host)
		if err != nil {
			return nil, err
		}
		server.TLSServerName, server.Server = u.Hostname(), "https://"+address
	}
	return clientcmd.Write(*config)
}

// WritePrivate writes a file readable only by its owner, atomically.
func WritePrivate(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	// CreateTemp makes files of mode 0600.
	f, err := os.CreateTemp(filepath.Dir(path), ".private-*")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
