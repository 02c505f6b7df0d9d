package docker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"
)

func TestAddressOverSSH(t *testing.T) {
	for address, want := range map[string]string{
		"ssh://bench":             "-T -o ConnectTimeout=30 -- bench docker system dial-stdio",
		"ssh://me@bench.lan:2222": "-T -o ConnectTimeout=30 -l me -p 2222 -- bench.lan docker system dial-stdio",
		"ssh://-oProxyCommand=x":  "",
		"tcp://bench:2375":        "",
	} {
		if got, ok := sshArgs(address); strings.Join(got, " ") != want || ok != (want != "") {
			t.Errorf("%s: %q, wanted %q", address, got, want)
		}
	}
}

// A fake ssh answers one request, and leaves its arguments in a file.
func TestRequestOverSSH(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho \"$@\" >" + dir + "/args\nread line\nprintf 'HTTP/1.1 200 OK\\r\\nApi-Version: 1.41\\r\\nContent-Length: 2\\r\\n\\r\\nOK'\ncat >/dev/null\n"
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte(script), 0o755); err != nil { //nolint:gosec // it is to be executed
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv(client.EnvOverrideHost, "ssh://me@bench")
	c, err := NewClient()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Ping(t.Context(), client.PingOptions{}); err != nil {
		t.Error(err)
	}
	args, err := os.ReadFile(filepath.Join(dir, "args"))
	if want := "-T -o ConnectTimeout=30 -l me -- bench docker system dial-stdio\n"; err != nil || string(args) != want {
		t.Errorf("ssh was called with %q, wanted %q (%v)", args, want, err)
	}
}

func TestAddressOfAContext(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("DOCKER_CONTEXT", "")
	t.Setenv(client.EnvOverrideHost, "")
	if at, err := contextEndpoint(); err != nil || at != (endpoint{}) {
		t.Errorf("without a configuration: %+v, %v", at, err)
	}
	// The folder's name is the SHA-256 of "bench".
	meta := filepath.Join(dir, "contexts", "meta", "1b32c28cb38c05480eccc1bd60ff97029b57a05c96718b96dad7e9d84894f549")
	for path, text := range map[string]string{
		filepath.Join(dir, "config.json"): `{"currentContext": "bench"}`,
		filepath.Join(meta, "meta.json"):  `{"Name": "bench", "Endpoints": {"docker": {"Host": "tcp://192.0.2.1:2375", "SkipTLSVerify": false}}}`,
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := NewClient()
	if err != nil {
		t.Fatal(err)
	}
	if c.DaemonHost() != "tcp://192.0.2.1:2375" {
		t.Errorf("the engine is at %s", c.DaemonHost())
	}
	t.Setenv("DOCKER_CONTEXT", "none")
	if _, err := NewClient(); err == nil || !strings.Contains(err.Error(), "docker context none") {
		t.Errorf("an unknown context: %v", err)
	}
	t.Setenv(client.EnvOverrideHost, "tcp://192.0.2.2:2375")
	if c, err := NewClient(); err != nil || c.DaemonHost() != "tcp://192.0.2.2:2375" {
		t.Errorf("DOCKER_HOST comes first: %v, %v", c, err)
	}
}
