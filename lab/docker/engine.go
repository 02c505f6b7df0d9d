// Package docker makes, finds and removes a lab's networks and containers in the local engine, and
// executes commands in them. Every object carries labels, and labels alone say what belongs to a lab.
package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

// Engine is the container engine on this machine. It may be used by many goroutines.
type Engine struct {
	// Client speaks the engine's API, at the version that both sides know (Docker 20.10 is 1.41).
	Client *client.Client
	// Version is the API version agreed upon.
	Version string

	once        sync.Once
	provider    *testcontainers.DockerProvider
	providerErr error
}

// ErrNoEngine is what an error of Connect wraps when nothing answers at the engine's address.
var ErrNoEngine = errors.New("no engine answers")

// ErrNoPermission is what an error of Connect wraps when this user may not use the engine's socket.
var ErrNoPermission = errors.New("no permission to use the engine")

// Connect finds the engine by the environment (DOCKER_HOST and its kin; else the default socket) and
// pings it. The error says what to do; errors.Is tells ErrNoEngine and ErrNoPermission apart.
func Connect(ctx context.Context) (*Engine, error) {
	c, err := client.New(client.FromEnv)
	if err != nil {
		return nil, fmt.Errorf("engine: the environment (DOCKER_HOST, DOCKER_CERT_PATH, DOCKER_API_VERSION) does not make a client: %w; correct or unset them", err)
	}
	if _, err := c.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		_ = c.Close()
		return nil, connectError(c.DaemonHost(), err)
	}
	return &Engine{Client: c, Version: c.ClientVersion()}, nil
}

// connectError says in which of the ways that users meet the engine could not be reached.
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

// Close lets go of the connections to the engine.
func (e *Engine) Close() error {
	if err := e.Client.Close(); err != nil {
		return fmt.Errorf("engine: closing the client: %w", err)
	}
	return nil
}

// containers returns the testcontainers provider, speaking through e.Client. It is made at the first
// container only, since making it asks the engine for its whole state.
func (e *Engine) containers() (*testcontainers.DockerProvider, error) {
	e.once.Do(func() {
		// A reaper would end a kept lab with the process that started it. testcontainers reads this once.
		if err := os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil {
			e.providerErr = fmt.Errorf("engine: switching the reaper off: %w", err)
			return
		}
		// Its banner goes to the default logger, whichever logger the provider is given.
		tclog.SetDefault(tclog.NewNoopLogger())
		p, err := testcontainers.NewDockerProvider(
			testcontainers.WithLogger(tclog.NewNoopLogger()),
			// Every engine has the network `none`; with `bridge`, which may be off, a network would be made.
			testcontainers.WithDefaultBridgeNetwork("none"),
		)
		if err != nil {
			e.providerErr = fmt.Errorf("engine: testcontainers finds none: %w; run `skidpad doctor`", err)
			return
		}
		_ = p.Close()
		p.SetClient(e.Client)
		e.provider = p
	})
	return e.provider, e.providerErr
}
