package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/moby/moby/client"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"skidpad.dev/skidpad/lab/docker"
)

const (
	// apiWithin bounds the wait for an API server that starts; slow machines take a minute, and k3s unpacks its images first.
	apiWithin = 4 * time.Minute
	// ResumeWithin bounds the wait for a control plane that ran before.
	ResumeWithin = time.Minute
	// APIPort is where API servers answer in their nodes.
	APIPort = 6443
)

// Access is how the host gets at a cluster's API: found out once, by whoever asks first.
type Access struct {
	Kubeconfig string // the file that the administrator's kubeconfig for the host is written to

	cluster string
	context string // what the kubeconfig calls cluster, user and context
	admin   func(ctx context.Context) (raw []byte, address string, err error)

	there     chan struct{} // closed when there is a node to ask
	thereOnce sync.Once
	turn      chan struct{} // held by the one caller that looks whether the API answers; kube is what it found
	kube      *Kube
}

// NewAccess does no I/O. admin is to return the administrator's kubeconfig as the cluster has it for itself, and where the
// host reaches the API.
func NewAccess(cluster, context, kubeconfig string, admin func(context.Context) (raw []byte, address string, err error)) *Access {
	return &Access{Kubeconfig: kubeconfig, cluster: cluster, context: context, admin: admin, there: make(chan struct{}), turn: make(chan struct{}, 1)}
}

// There says that the first node runs, so that it can be asked. Nobody asks before.
func (a *Access) There() { a.thereOnce.Do(func() { close(a.there) }) }

// APIReady returns clients as soon as the API server answers its administrator, through the port published on the host's
// loopback, and writes the kubeconfig file. It may run beside Create, which is then waited for.
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

// Open is APIReady on a cluster that another process has made.
func (a *Access) Open(ctx context.Context) (*Kube, error) {
	ctx, cancel := context.WithTimeout(ctx, ResumeWithin)
	defer cancel()
	if raw, err := os.ReadFile(a.Kubeconfig); err == nil {
		if kube, err := Connect(raw); err == nil && kube.Answers(ctx) == nil {
			return kube, nil
		}
	}
	return a.Find(ctx)
}

// Find asks the cluster, however often it was asked before.
func (a *Access) Find(ctx context.Context) (*Kube, error) {
	raw, address, err := a.admin(ctx)
	if err != nil {
		return nil, err
	}
	kubeconfig, err := external(raw, a.context, address)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: administrator's kubeconfig: %w", a.cluster, err)
	}
	kube, err := Connect(kubeconfig)
	if err != nil {
		return nil, err
	}
	if err := Retry(ctx, fmt.Sprintf("cluster %s: API server at %s", a.cluster, address), kube.Answers); err != nil {
		return nil, err
	}
	return kube, writePrivate(a.Kubeconfig, kubeconfig)
}

// AwaitAdmin is a shell command line that waits for the administrator's kubeconfig within a node and writes it, so that a wait
// costs one exec and not one each 100 ms. Its rounds are bounded since nobody ends it when this process is killed.
func AwaitAdmin(path string) string {
	return `i=0; while [ $i -lt 2400 ] && ! grep -q client-key-data ` + path + ` 2>/dev/null; do i=$((i+1)); sleep 0.1; done; cat ` + path
}

// Published is where the host has a node's API port: 127.0.0.1:43211.
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

// Answers returns nil if the API server is ready and grants its administrator what he asks for, which may come after
// /readyz is ok.
func (k *Kube) Answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := k.Client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); err != nil {
		return fmt.Errorf("/readyz: %w", err)
	}
	_, err := k.Client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	return err
}

// external makes the kubeconfig for use on the host, at an address there, of the one that a node has for itself. Its
// cluster, user and context get one name, so that files of several clusters can be merged by who wants to.
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
	config.Clusters = map[string]*clientcmdapi.Cluster{name: server}
	config.AuthInfos = map[string]*clientcmdapi.AuthInfo{name: config.AuthInfos[current.AuthInfo]}
	current.Cluster, current.AuthInfo = name, name
	config.Contexts = map[string]*clientcmdapi.Context{name: current}
	config.CurrentContext = name
	return clientcmd.Write(*config)
}

// writePrivate writes a file that only its owner may read, whole or not at all.
func writePrivate(path string, data []byte) error {
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
