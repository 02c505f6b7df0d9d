package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/docker"
)

// dialWithin limits the start of an agent, including the copy of the program.
const dialWithin = 3 * time.Minute

// dial starts an agent in the lab's agent container, and returns its client once the agent answers.
func dial(ctx context.Context, e *docker.Engine, lab string) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	name, err := ensure(ctx, e, lab)
	if err != nil {
		return nil, err
	}
	program, err := install(ctx, e, name)
	if err != nil {
		return nil, err
	}
	made, err := e.Client.ExecCreate(ctx, name, client.ExecCreateOptions{
		Cmd: []string{program}, AttachStdin: true, AttachStdout: true, AttachStderr: true,
		Env: []string{
			envLab + "=" + lab, fmt.Sprintf("%s=%d", envClient, os.Getpid()), docker.EnvLab + "=" + lab,
			"DOCKER_HOST=unix://" + socketInside, "HOME=/root", "XDG_STATE_HOME=" + stateInside,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", name, err)
	}
	stream, err := e.Client.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", name, err)
	}
	c, err := NewClient(ctx, newExecConn(stream.HijackedResponse))
	if err != nil {
		return nil, err
	}
	err = c.hello(ctx)
	if err == nil && !e.Local() {
		err = c.compare(ctx)
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// execConn is the stream of an execution as a connection.
type execConn struct {
	io.Reader
	execAddr
	stream client.HijackedResponse
	once   sync.Once

	mu     sync.Mutex
	stderr bytes.Buffer // the start of standard error
}

// stderrKept is the size of the kept start of standard error, in bytes: a message, or the head of a stack trace.
const stderrKept = 4 << 10

func newExecConn(stream client.HijackedResponse) *execConn {
	r, w := io.Pipe()
	c := &execConn{Reader: r, stream: stream}
	go func() {
		_, err := stdcopy.StdCopy(w, (*stderrOf)(c), stream.Reader)
		if said := c.said(); said != "" {
			err = errors.New("the agent ended: " + said)
		} else if err == nil {
			err = errors.New("the agent ended")
		}
		_ = w.CloseWithError(err)
	}()
	return c
}

// stderrOf is an execConn as the writer of standard error.
type stderrOf execConn

func (s *stderrOf) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stderr.Write(p[:min(len(p), stderrKept-min(stderrKept, s.stderr.Len()))])
	return len(p), nil
}

// said returns the start of the agent's standard error.
func (c *execConn) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.TrimSpace(c.stderr.String())
}

func (c *execConn) Write(p []byte) (int, error) { return c.stream.Conn.Write(p) }

// Close ends the agent's input. The end of the input ends the agent.
func (c *execConn) Close() error {
	c.once.Do(func() { c.stream.Close() })
	return nil
}

// pipeAddr is the address of a connection without an address.
type pipeAddr struct{}

func (pipeAddr) Network() string { return "exec" }
func (pipeAddr) String() string  { return "agent" }
