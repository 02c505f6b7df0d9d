// Package agent lets a program work on the engine's machine: enter network namespaces, open packet sockets, signal
// processes. A program that may do so by itself needs no agent. For any other program, the agent is the same program,
// copied into a privileged container of the lab and executed there. Both ends talk over the stream of that execution, so
// no port is opened, and both ends always have one version.
//
//	program ── engine's API ──▸ exec in skidpad-<lab>-agent (host's PID and network namespaces)
//	   │  calls: HTTP/2 over stdin and stdout         │
//	   ▼                                              ▼
//	Client.Call                                    Main: handlers by name
//
// An agent lives as long as its client. When the stream ends, Main cancels all calls, and the handlers put back what the
// calls changed.
package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/timeline"
)

const (
	// envLab makes a program the agent of a lab; see Main.
	envLab = "SKIDPAD_AGENT"
	// envClient is the process ID of the agent's client.
	envClient = "SKIDPAD_AGENT_CLIENT"
)

// ErrElsewhere is the error of an agent's work on a system other than Linux. No call leads to this error: Of returns an agent
// there.
var ErrElsewhere = errors.New("lab bug: work for the lab's agent was begun on a system other than Linux")

// slot is the agent of one lab, for one connection to the engine.
type slot struct {
	mu     sync.Mutex
	direct bool
	client *Client
	offset atomic.Int64
}

type slotKey struct{ lab string }

// Of returns the client of the lab's agent, or nil if this process may do the work itself. The first call makes a
// missing agent container; later calls share one client. Of replaces a client with an ended agent.
func Of(ctx context.Context, e *docker.Engine, lab string) (*Client, error) {
	s := e.Kept(slotKey{lab}, &slot{}).(*slot) //nolint:forcetypeassert // the key is this package's own
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.direct {
		return nil, nil
	}
	if s.client != nil && !s.client.Gone() {
		return s.client, nil
	}
	why, err := whyNot(ctx, e, lab)
	if err != nil {
		return nil, err
	}
	if why == "" {
		s.direct = true
		return nil, nil
	}
	if inside() {
		return nil, errors.New("lab bug: the lab's agent may not do its work: " + why)
	}
	s.client, err = dial(ctx, e, lab)
	if err != nil {
		return nil, fmt.Errorf("agent of lab %s (needed here: %s): %w", lab, why, err)
	}
	s.offset.Store(s.client.offset)
	return s.client, nil
}

// inside reports whether this process is an agent, or was started by an agent.
func inside() bool { return os.Getenv(envClient) != "" }

// Beside returns a client of the lab's agent for a process that needs no agent: other users of the lab may need one, and
// their agent has a journal of faults. If no container of an agent runs, or in the agent itself, the result is nil.
func Beside(ctx context.Context, e *docker.Engine, lab string) (*Client, error) {
	s := e.Kept(slotKey{lab}, &slot{}).(*slot) //nolint:forcetypeassert // the key is this package's own
	s.mu.Lock()
	defer s.mu.Unlock()
	if inside() || s.client != nil && !s.client.Gone() {
		return s.client, nil
	}
	containers, err := e.Containers(ctx, lab)
	if err != nil || !slices.ContainsFunc(containers, func(c docker.Info) bool { return c.Role == Role && c.State == "running" }) {
		return nil, err
	}
	if s.client, err = dial(ctx, e, lab); err != nil {
		return nil, fmt.Errorf("agent of lab %s: %w", lab, err)
	}
	return s.client, nil
}

// Now returns the monotonic clock of the engine's machine in nanoseconds, the clock of all stamps in a lab. For a remote
// engine, the clock is known after the first call of Of.
func Now(e *docker.Engine, lab string) int64 {
	s := e.Kept(slotKey{lab}, &slot{}).(*slot) //nolint:forcetypeassert // the key is this package's own
	return timeline.Now() + s.offset.Load()
}

// ClientPID returns the process ID of the agent's client. Outside of an agent, the result is the ID of this process.
func ClientPID() int {
	if pid, err := strconv.Atoi(os.Getenv(envClient)); err == nil {
		return pid
	}
	return os.Getpid()
}
