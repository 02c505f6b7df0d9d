package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

// TestTunnelled checks that the API server of a far engine is reached at a local port, by the dialer of the engine's machine.
func TestTunnelled(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "far")
	if err := os.WriteFile(path, []byte(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
		users: [{name: u, user: {token: t}}], clusters: [{name: c, cluster: {server: "https://172.20.0.9:6443"}}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	dialled := make(chan string, 1)
	path, err := tunnelled(t.Context(), path, folder, func(_ context.Context, _, address string) (net.Conn, error) {
		dialled <- address
		near, far := net.Pipe()
		go func() { _, _ = far.Write([]byte("hello")); _ = far.Close() }()
		return near, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", config.Host[len("https://"):])
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); string(got) != "hello" || err != nil || <-dialled != "172.20.0.9:6443" || config.ServerName != "172.20.0.9" {
		t.Errorf("seen %q, %v, server name %s", got, err, config.ServerName)
	}
}
