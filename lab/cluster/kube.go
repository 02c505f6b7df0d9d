package cluster

import (
	"context"
	"fmt"
	"net"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// FieldManager owns the fields applied by skidpad.
const FieldManager = "skidpad"

// Kube is a set of clients for one cluster, with the administrator's rights.
type Kube struct {
	Config  *rest.Config
	Client  kubernetes.Interface
	Dynamic dynamic.Interface
}

// Connect makes clients from a kubeconfig file's content, without any I/O. dial is the dialer; nil is the standard dialer.
func Connect(kubeconfig []byte, dial func(ctx context.Context, network, address string) (net.Conn, error)) (*Kube, error) {
	cfg, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	// The API server has its own priority and fairness; client-go's default of 5 requests a second
	// would only delay the bring-up of a lab.
	cfg.QPS = -1
	cfg.Dial = dial
	cfg.UserAgent = FieldManager
	// Deprecated API versions in a third-party chart do not interest the user of a lab.
	cfg.WarningHandler = rest.NoWarnings{}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	dyn, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	return &Kube{Config: cfg, Client: client, Dynamic: dyn}, nil
}

// OneCall is the time limit of one request to an API that may not answer yet, for waits on conditions without a watch.
const OneCall = 2 * time.Second
