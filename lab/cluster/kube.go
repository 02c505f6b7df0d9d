package cluster

import (
	"context"
	"fmt"
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

// Connect makes clients from a kubeconfig file's content, without any I/O.
func Connect(kubeconfig []byte) (*Kube, error) {
	cfg, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	// The API server has its own priority and fairness; client-go's default of 5 requests a second
	// would only delay the bring-up of a lab.
	cfg.QPS = -1
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

// Retry calls try, at once and then every 100 ms, until try succeeds or ctx ends; each call gets 2 s. If ctx
// ends, the error names the awaited condition and carries the error of the last call not interrupted by ctx,
// because only this call made an observation. Use Retry for conditions without a watch.
func Retry(ctx context.Context, what string, try func(context.Context) error) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	start := time.Now()
	var seen error
	for {
		once, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := try(once)
		cancel()
		if err == nil {
			return nil
		}
		if seen == nil || ctx.Err() == nil {
			seen = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not after %s: %w; last seen: %w", what, time.Since(start).Round(time.Millisecond), ctx.Err(), seen)
		case <-tick.C:
		}
	}
}
