package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// NewClient makes a client of the engine, as the engine's command line does: of DOCKER_HOST, of the Docker context, or of
// the default socket. An address ssh://USER@HOST needs the command line of the engine on that host.
func NewClient() (*client.Client, error) {
	at := endpoint{Host: os.Getenv(client.EnvOverrideHost)}
	if at.Host == "" {
		var err error
		if at, err = contextEndpoint(); err != nil {
			return nil, err
		}
	}
	if args, ok := sshArgs(at.Host); ok {
		return client.New(client.WithAPIVersionFromEnv(), client.WithHost("http://"+args[len(args)-4]),
			client.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) { return dialCommand(ctx, "ssh", args...) }))
	}
	options := []client.Opt{client.FromEnv}
	if at.tls != "" {
		options = append(options, client.WithTLSClientConfig(filepath.Join(at.tls, "ca.pem"), filepath.Join(at.tls, "cert.pem"), filepath.Join(at.tls, "key.pem")))
	}
	if at.Host != "" {
		options = append(options, client.WithHost(at.Host))
	}
	return client.New(options...)
}

// endpoint is the engine's address in a Docker context; the zero value is the default socket.
type endpoint struct {
	Host string
	tls  string // the folder of the certificates, if there is one
}

// contextEndpoint reads the Docker context of DOCKER_CONTEXT or of the user's configuration
// (https://docs.docker.com/engine/manage-resources/contexts).
func contextEndpoint() (endpoint, error) {
	dir := os.Getenv("DOCKER_CONFIG")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return endpoint{}, nil //nolint:nilerr // a user without a folder has no contexts
		}
		dir = filepath.Join(home, ".docker")
	}
	name := os.Getenv("DOCKER_CONTEXT")
	if name == "" {
		var config struct{ CurrentContext string }
		if err := readJSON(filepath.Join(dir, "config.json"), &config); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return endpoint{}, err
		}
		name = config.CurrentContext
	}
	if name == "" || name == "default" {
		return endpoint{}, nil
	}
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	var meta struct{ Endpoints map[string]endpoint }
	if err := readJSON(filepath.Join(dir, "contexts", "meta", id, "meta.json"), &meta); err != nil {
		return endpoint{}, fmt.Errorf("docker context %s: %w; see `docker context ls`", name, err)
	}
	at := meta.Endpoints["docker"]
	if certificates := filepath.Join(dir, "contexts", "tls", id, "docker"); isFile(filepath.Join(certificates, "cert.pem")) {
		at.tls = certificates
	}
	return at, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// sshArgs returns the arguments of ssh(1) for an address ssh://USER@HOST:PORT.
func sshArgs(address string) ([]string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "ssh" || u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-") {
		return nil, false
	}
	args := []string{"-T", "-o", "ConnectTimeout=30"}
	if u.User.Username() != "" {
		args = append(args, "-l", u.User.Username())
	}
	if u.Port() != "" {
		args = append(args, "-p", u.Port())
	}
	return append(args, "--", u.Hostname(), "docker", "system", "dial-stdio"), true
}

// dialCommand returns the standard input and output of a command as a connection.
func dialCommand(ctx context.Context, name string, args ...string) (net.Conn, error) {
	// The connection outlives the call that dials.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), name, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr // a question for a password, or the reason of a failure
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &commandConn{Reader: out, WriteCloser: in, cmd: cmd}, nil
}

// commandConn is a command as a connection. Deadlines do nothing: all requests have contexts.
type commandConn struct {
	io.Reader
	io.WriteCloser
	cmd *exec.Cmd
}

func (c *commandConn) CloseWrite() error { return c.WriteCloser.Close() }

// Close ends the command.
func (c *commandConn) Close() error {
	_ = c.WriteCloser.Close()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	return nil
}

func (c *commandConn) LocalAddr() net.Addr              { return commandAddr{} }
func (c *commandConn) RemoteAddr() net.Addr             { return commandAddr{} }
func (c *commandConn) SetDeadline(time.Time) error      { return nil }
func (c *commandConn) SetReadDeadline(time.Time) error  { return nil }
func (c *commandConn) SetWriteDeadline(time.Time) error { return nil }

// commandAddr is the address of a command.
type commandAddr struct{}

func (commandAddr) Network() string { return "command" }
func (commandAddr) String() string  { return "command" }
