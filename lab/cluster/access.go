package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

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

// External makes the kubeconfig for use on the host, at an address there, of the one that a node has for itself. Its
// cluster, user and context get one name, so that files of several clusters can be merged by who wants to.
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

// WritePrivate writes a file that only its owner may read, whole or not at all.
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
