// Package docker makes, finds and removes a lab's networks and containers in the local engine, and executes
// commands in the containers. Every object carries labels; only labels decide whether an object belongs to a
// lab.
package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

// Engine is the container engine on this machine. Many goroutines may use an Engine at the same time.
type Engine struct {
	// Client speaks the engine's API, at the highest version known to both sides (Docker 20.10 has 1.41).
	Client *client.Client
	// Version is the negotiated API version.
	Version string

	once        sync.Once
	provider    *testcontainers.DockerProvider
	providerErr error

	kept sync.Map
}

// Local reports whether the engine is on this machine: reached by a socket, on Linux. Engines on other systems run in a
// virtual machine.
func (e *Engine) Local() bool {
	return runtime.GOOS == "linux" && strings.HasPrefix(e.Client.DaemonHost(), "unix://")
}

// Kept returns the value that is kept under a key as long as the engine's connection; the first caller's value stays.
func (e *Engine) Kept(key, value any) any {
	first, _ := e.kept.LoadOrStore(key, value)
	return first
}

// ErrNoEngine is wrapped by Connect's error when nothing answers at the engine's address.
var ErrNoEngine = errors.New("no engine answers")

// ErrNoPermission is wrapped by Connect's error when this user may not use the engine's socket.
var ErrNoPermission = errors.New("no permission to use the engine")

// Connect finds the engine from the environment (DOCKER_HOST and related variables; otherwise the default
// socket) and pings the engine. The error names a remedy; errors.Is distinguishes ErrNoEngine from
// ErrNoPermission.
func Connect(ctx context.Context) (*Engine, error) {
	c, err := NewClient()
	if err != nil {
		return nil, fmt.Errorf("engine: the environment (DOCKER_HOST, DOCKER_CERT_PATH, DOCKER_API_VERSION) does not make a client: %w; correct or unset them", err)
	}
	if _, err := c.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		_ = c.Close()
		return nil, connectError(c.DaemonHost(), err)
	}
	return &Engine{Client: c, Version: c.ClientVersion()}, nil
}

// connectError explains why the engine cannot be reached, in the cases that users meet.
func connectError(host string, err error) error {
	switch {
	case errors.Is(err, os.ErrPermission) || strings.Contains(err.Error(), "permission denied"):
		return fmt.Errorf("%w at %s: this user may not open it; add the user to the group that owns the socket (`usermod -aG docker USER`, then log in again) or run as root: %w",
			ErrNoPermission, host, err)
	case client.IsErrConnectionFailed(err):
		return fmt.Errorf("%w at %s; start one (`systemctl start docker`), point DOCKER_HOST at it, or run `skidpad doctor`: %w", ErrNoEngine, host, err)
	default:
		return fmt.Errorf("engine at %s: its ping failed: %w; run `skidpad doctor`", host, err)
	}
}

// Close closes the connections to the engine.
func (e *Engine) Close() error {
	if err := e.Client.Close(); err != nil {
		return fmt.Errorf("engine: closing the client: %w", err)
	}
	return nil
}

// shared is the engine's client for testcontainers, whose containers close the client after every call. The close would end
// the idle connections of all goroutines: a request that has just taken such a connection fails with "CloseIdleConnections
// called", and the transport repeats no request with a body.
type shared struct{ client.APIClient }

// Close leaves the client open; Engine.Close closes the client.
func (shared) Close() error { return nil }

// containers returns the testcontainers provider, connected through e.Client. The provider is created for the
// first container only, because its creation reads the engine's whole state.
func (e *Engine) containers() (*testcontainers.DockerProvider, error) {
	e.once.Do(func() {
		// A reaper would end a kept lab when the process that started the lab ends. testcontainers reads the variable
		// once.
		if err := os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil {
			e.providerErr = fmt.Errorf("engine: switching the reaper off: %w", err)
			return
		}
		// The testcontainers banner goes to the default logger, even if the provider has another logger.
		tclog.SetDefault(tclog.NewNoopLogger())
		p, err := testcontainers.NewDockerProvider(
			testcontainers.WithLogger(tclog.NewNoopLogger()),
			// Every engine has the network `none`. The network `bridge` may be off; testcontainers would then make a
			// network.
			testcontainers.WithDefaultBridgeNetwork("none"),
		)
		if err != nil {
			e.providerErr = fmt.Errorf("engine: testcontainers finds none: %w; run `skidpad doctor`", err)
			return
		}
		_ = p.Close()
		p.SetClient(shared{e.Client})
		e.provider = p
	})
	return e.provider, e.providerErr
}
