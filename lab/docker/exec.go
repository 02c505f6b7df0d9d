package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/wait"
)

// killDeadline limits the time to kill a command after its context ended.
const killDeadline = 5 * time.Second

// Container is a handle on a container that can execute commands: a node.Node.
type Container struct {
	engine *Engine
	name   string
	kind   node.Kind
	ref    string
}

var (
	_ node.Node     = (*Container)(nil)
	_ node.Streamer = (*Container)(nil)
)

// Node returns a handle on a container, given the container's engine name or ID. Node makes no request to the
// engine.
func (e *Engine) Node(name string, kind node.Kind, container string) *Container {
	return &Container{engine: e, name: name, kind: kind, ref: container}
}

// Name returns the scenario's name: r1.
func (c *Container) Name() string { return c.name }

// Kind returns the node's purpose.
func (c *Container) Kind() node.Kind { return c.kind }

// Ref returns the container's name in the engine: skidpad-<lab>-r1.
func (c *Container) Ref() string { return c.ref }

// Exec runs a command in the container, as the container's user and without a terminal, and returns the
// standard output, also on failure. A command that ran and returned a code other than 0 gives a
// *node.ExitError; a command that was not found or is not executable has code 127 or 126. When ctx ends, Exec
// kills the command with its process group, and the error wraps the context's cause.
func (c *Container) Exec(ctx context.Context, cmd ...string) ([]byte, error) {
	return c.exec(ctx, Streams{}, cmd)
}

// ExecTo is Exec and also copies standard output to w as the output arrives. A write error of w ends the
// reading.
func (c *Container) ExecTo(ctx context.Context, w io.Writer, cmd ...string) ([]byte, error) {
	return c.exec(ctx, Streams{Out: w}, cmd)
}

// ExecInput is Exec with standard input, closed after stdin was written.
func (c *Container) ExecInput(ctx context.Context, stdin []byte, cmd ...string) ([]byte, error) {
	return c.exec(ctx, Streams{In: bytes.NewReader(stdin)}, cmd)
}

// Streams are a command's own streams. A nil stream is absent.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// ExecStreams is Exec with streams that are copied as data arrives.
func (c *Container) ExecStreams(ctx context.Context, s Streams, cmd ...string) ([]byte, error) {
	return c.exec(ctx, s, cmd)
}

// output holds a command's output and the error that ended the reading.
type output struct {
	stdout, stderr bytes.Buffer
	err            error
}

func (c *Container) exec(ctx context.Context, s Streams, cmd []string) ([]byte, error) {
	began := time.Now()
	created, err := c.engine.Client.ExecCreate(ctx, c.ref, client.ExecCreateOptions{
		Cmd: cmd, AttachStdin: s.In != nil, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return nil, c.execError(ctx, cmd, err)
	}
	ended := make(chan *output, 1)
	giveUp := make(chan struct{})
	defer close(giveUp)
	// The goroutine also starts the command, because the engine's answer to the start cannot be interrupted.
	go func() { ended <- c.run(ctx, created.ID, s, giveUp) }()

	var out *output
	select {
	case out = <-ended:
	case <-ctx.Done():
		return c.cutOff(ctx, created.ID, cmd, time.Since(began), ended)
	}
	if out.err != nil {
		return out.stdout.Bytes(), c.execError(ctx, cmd, out.err)
	}
	code, err := c.exitCode(ctx, created.ID)
	if err != nil {
		return out.stdout.Bytes(), c.execError(ctx, cmd, err)
	}
	return out.result(c.name, cmd, code)
}

// run starts a command and reads its output to the end, or until giveUp is closed.
func (c *Container) run(ctx context.Context, id string, s Streams, giveUp <-chan struct{}) *output {
	out := &output{}
	stream, err := c.engine.Client.ExecAttach(ctx, id, client.ExecAttachOptions{})
	if err != nil {
		out.err = err
		return out
	}
	defer stream.Close()
	read := make(chan struct{})
	defer close(read)
	go func() {
		select {
		case <-giveUp:
			stream.Close()
		case <-read:
		}
	}()
	if s.In != nil {
		go func() {
			// A command may end without reading all of stdin; the command's exit code shows whether this was an error.
			_, _ = io.Copy(stream.Conn, s.In)
			_ = stream.CloseWrite()
		}()
	}
	_, out.err = stdcopy.StdCopy(tee(&out.stdout, s.Out), tee(&out.stderr, s.Err), stream.Reader)
	return out
}

// tee returns a writer to kept and, unless nil, to w.
func tee(kept, w io.Writer) io.Writer {
	if w == nil {
		return kept
	}
	return io.MultiWriter(kept, w)
}

// exitCode waits until the engine knows a command's exit code. The exit code can arrive a moment after the end
// of the output.
func (c *Container) exitCode(ctx context.Context, id string) (int, error) {
	var code int
	err := wait.Until(ctx, wait.For{What: "exit code", Within: killDeadline, Every: 10 * time.Millisecond}, func(ctx context.Context) error {
		state, err := c.engine.Client.ExecInspect(ctx, id, client.ExecInspectOptions{})
		if err != nil {
			return wait.Stop(err)
		}
		if state.Running {
			return errors.New("the output ended, but the engine still says that the command runs")
		}
		code = state.ExitCode
		return nil
	})
	return code, err
}

// result turns an exit code into an error. If a command could not be started, the engine writes the reason to
// the command's standard output.
func (o *output) result(name string, cmd []string, code int) ([]byte, error) {
	stdout, stderr := o.stdout.Bytes(), o.stderr.String()
	if code == 0 {
		return stdout, nil
	}
	if stderr == "" && (code == 126 || code == 127) && bytes.HasPrefix(stdout, []byte("OCI runtime exec failed")) {
		stdout, stderr = nil, string(stdout)
	}
	return stdout, &node.ExitError{Node: name, Cmd: cmd, Code: code, Stderr: stderr}
}

// cutOff kills a command whose context ended and reports the command's progress.
func (c *Container) cutOff(ctx context.Context, id string, cmd []string, after time.Duration, ended <-chan *output) ([]byte, error) {
	err := fmt.Errorf("%s: %s: cut off after %s: %w", c.name, strings.Join(cmd, " "), after.Round(time.Millisecond), context.Cause(ctx))
	killing, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), killDeadline, fmt.Errorf("it still ran %s after that", killDeadline))
	defer cancel()
	out, killErr := c.engine.killExec(killing, id, ended)
	if killErr != nil {
		return nil, fmt.Errorf("%w; and it could not be ended: %w", err, killErr)
	}
	if msg := strings.TrimSpace(out.stderr.String()); msg != "" {
		err = fmt.Errorf("%w; it had written: %s", err, msg)
	}
	return out.stdout.Bytes(), err
}

// execError adds the command to the error and, if the container's state is the reason, the state.
func (c *Container) execError(ctx context.Context, cmd []string, err error) error {
	err = fmt.Errorf("%s: %s: %w", c.name, strings.Join(cmd, " "), err)
	if ctx.Err() == nil && (conflict(err) || notFound(err)) {
		err = fmt.Errorf("%w; container %s %s", err, c.ref, c.engine.describe(ctx, c.ref))
	}
	return err
}

// describe returns a short description of a container's state and, if the container ended, its last output.
func (e *Engine) describe(ctx context.Context, container string) string {
	got, err := e.Client.ContainerInspect(ctx, container, client.ContainerInspectOptions{})
	if notFound(err) {
		return "is not there"
	}
	if err != nil || got.Container.State == nil {
		return fmt.Sprintf("cannot be inspected: %v", err)
	}
	state := got.Container.State
	said := "is " + string(state.Status)
	if state.Running {
		return said
	}
	said += fmt.Sprintf(" with exit code %d", state.ExitCode)
	if state.Error != "" {
		said += ": " + state.Error
	}
	if logs, err := e.Logs(ctx, container, 5); err == nil && strings.TrimSpace(logs) != "" {
		said += "; its last lines: " + strings.TrimSpace(logs)
	}
	return said
}
