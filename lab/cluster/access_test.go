package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

const admin = `apiVersion: v1
kind: Config
clusters: [{name: skidpad-l, cluster: {server: "https://skidpad-l-control-plane:6443", certificate-authority-data: Q0E=}}]
users: [{name: kubernetes-admin, user: {client-certificate-data: Q0VSVA==, client-key-data: S0VZ}}]
contexts: [{name: kubernetes-admin@skidpad-l, context: {cluster: skidpad-l, user: kubernetes-admin}}]
current-context: kubernetes-admin@skidpad-l
`

func TestExternal(t *testing.T) {
	raw, err := External([]byte(admin), "kind-skidpad-l", "127.0.0.1:40000")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(raw)
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != "https://127.0.0.1:40000" || string(config.KeyData) != "KEY" || string(config.CAData) != "CA" {
		t.Errorf("seen %+v", config)
	}
	if _, err := External([]byte("current-context: gone\n"), "kind-skidpad-l", "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("an incomplete file: seen error %v, wanted one that names the context", err)
	}
}

func TestThrough(t *testing.T) {
	raw, err := External([]byte(admin), "kind-skidpad-l", "172.20.0.9:6443")
	if err != nil {
		t.Fatal(err)
	}
	raw, err = Through(raw, func(own string) (string, error) {
		if own != "172.20.0.9:6443" {
			t.Errorf("own address: seen %s", own)
		}
		return "127.0.0.1:5", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(raw)
	if err != nil || config.Host != "https://127.0.0.1:5" || config.ServerName != "172.20.0.9" || string(config.KeyData) != "KEY" {
		t.Errorf("seen %+v, %v", config, err)
	}
}

func TestWritePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lab", "kubeconfig")
	for _, text := range []string{"one", "two"} {
		if err := WritePrivate(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != text {
			t.Errorf("seen %q, %v; wanted %q", got, err, text)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("seen mode %v, %v; wanted 0600", info.Mode(), err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("seen %v, %v; wanted the kubeconfig alone", files, err)
	}
}
