package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/wait"
)

const (
	// startWithin is the time limit to start a command in a node; on an idle machine a start takes 0.1 s.
	startWithin = 20 * time.Second
	// asLongAs limits a flow without a stop, for example the flow of a process that died.
	asLongAs = 10 * time.Minute
)

// Running is a flow in progress, until stopped.
type Running struct {
	node  node.Node
	pid   string // a file in the node with the prober's process ID
	ended chan struct{}
	rec   *record.Recording
	err   error
}

// Start begins to send a flow, and returns when the prober runs; the first slot is due 20 ms later. The flow
// ends by Stop, after its Duration (default 10 min), or is cut when ctx ends. Several flows to one target are
// several entries of the target.
func Start(ctx context.Context, n node.Node, f Flow) (*Running, error) {
	if len(f.Targets) == 0 {
		return nil, errors.New("probe: no target to send to")
	}
	f.Duration = orDefault(f.Duration, asLongAs)
	// The engine can start a command but cannot signal the command; a second command can, by process ID.
	r := &Running{node: n, ended: make(chan struct{}),
		pid: fmt.Sprintf("/tmp/skidpad-probe-%d-%s", os.Getpid(), strconv.FormatInt(time.Now().UnixNano(), 36))}
	cmd := append([]string{"sh", "-c", `echo $$ >"$0" && exec "$@"`, r.pid}, f.command()...)
	go func() {
		defer close(r.ended)
		r.rec, r.err = execute(ctx, n, f, cmd)
	}()
	if err := r.started(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// started waits until the prober has written its process ID.
func (r *Running) started(ctx context.Context) error {
	return wait.Until(ctx, wait.For{What: "probe from " + r.node.Name() + " starts", Within: startWithin, Every: 50 * time.Millisecond}, func(ctx context.Context) error {
		_, err := r.node.Exec(ctx, "test", "-s", r.pid)
		if err == nil {
			return nil
		}
		select {
		case <-r.ended:
			return wait.Stop(fmt.Errorf("the probe ended: %w", orElse(r.err, errors.New("without a message"))))
		default:
			return err
		}
	})
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// Ended is closed when the flow has ended, by itself or by Stop.
func (r *Running) Ended() <-chan struct{} { return r.ended }

// Stop ends the flow, waits for the answers to attempts under way, and returns the recording. As with Run, a
// recording returned with an error has no end.
func (r *Running) Stop(ctx context.Context) (*record.Recording, error) {
	select {
	case <-r.ended:
	default:
		if _, err := r.node.Exec(ctx, "sh", "-c", `kill -TERM "$(cat "$0")" && rm -f "$0"`, r.pid); err != nil {
			select {
			case <-r.ended: // the flow ended by itself meanwhile
			default:
				return nil, fmt.Errorf("probe from %s cannot be stopped: %w", r.node.Name(), err)
			}
		}
	}
	select {
	case <-r.ended:
		return r.rec, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("probe from %s was told to stop and goes on: %w", r.node.Name(), ctx.Err())
	}
}

// execute runs a prober to the end and reads the prober's output.
func execute(ctx context.Context, n node.Node, f Flow, cmd []string) (*record.Recording, error) {
	ctx, cancel := context.WithTimeout(ctx, f.Duration+f.timeout()+grace)
	defer cancel()
	run := n.Exec
	if s, ok := n.(node.Streamer); ok && f.Live != nil {
		run = func(ctx context.Context, cmd ...string) ([]byte, error) {
			return s.ExecTo(ctx, &lines{to: f.Live}, cmd...)
		}
	}
	out, err := run(ctx, cmd...)
	if err != nil {
		err = fmt.Errorf("probe from %s: %w", n.Name(), err)
	}
	rec, readErr := record.Read(bytes.NewReader(out))
	if readErr != nil && err == nil {
		err = fmt.Errorf("probe from %s: %w", n.Name(), readErr)
	}
	return rec, err
}
