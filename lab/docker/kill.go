package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/system"
)

// killExec kills a command started by the engine's exec and repeats until the command's output ends. The API
// has no verb for killing: killExec signals the command's process group from the host if this user may do so,
// otherwise from within the container.
func (e *Engine) killExec(ctx context.Context, id string, ended <-chan *output) (*output, error) {
	var last error
	for {
		state, err := e.Client.ExecInspect(ctx, id, client.ExecInspectOptions{})
		switch {
		case err != nil:
			last = err
		case state.Running && state.PID > 0:
			last = e.kill(ctx, state.ContainerID, state.PID)
		}
		look, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		select {
		case out := <-ended:
			cancel()
			return out, nil
		case <-look.Done():
			cancel()
		}
		if ctx.Err() != nil {
			return nil, errors.Join(context.Cause(ctx), last)
		}
	}
}

// kill ends the process group of a container's process, given the process ID on the host.
func (e *Engine) kill(ctx context.Context, container string, pid int) error {
	cgroup, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && strings.Contains(string(cgroup), container) {
		if err = system.Signal(-pid, syscall.SIGKILL); err == nil || errors.Is(err, syscall.ESRCH) {
			return nil
		}
	}
	status, readErr := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	inner, ok := innerPid(string(status))
	if !ok {
		return errors.Join(err, fmt.Errorf("process %d is in no PID namespace of its own", pid))
	}
	return e.killInside(ctx, container, inner)
}

// innerPid finds a process's ID in the innermost PID namespace, from the text of /proc/PID/status. innerPid
// reports false for a process in the host's own namespace (proc(5), NSpid).
func innerPid(status string) (int, bool) {
	for line := range strings.Lines(status) {
		ids, found := strings.CutPrefix(line, "NSpid:")
		if !found {
			continue
		}
		fields := strings.Fields(ids)
		if len(fields) < 2 {
			return 0, false
		}
		pid, err := strconv.Atoi(fields[len(fields)-1])
		return pid, err == nil
	}
	return 0, false
}

// killInside ends a process group by a command in the container, for users who may use the engine but may not
// signal the engine's processes.
func (e *Engine) killInside(ctx context.Context, container string, pid int) error {
	created, err := e.Client.ExecCreate(ctx, container, client.ExecCreateOptions{
		User: "0", Cmd: []string{"sh", "-c", fmt.Sprintf("kill -9 -%d || kill -9 %d", pid, pid)},
	})
	if err != nil {
		return fmt.Errorf("killing process %d inside: %w", pid, err)
	}
	if _, err := e.Client.ExecStart(ctx, created.ID, client.ExecStartOptions{Detach: true}); err != nil {
		return fmt.Errorf("killing process %d inside: %w", pid, err)
	}
	return nil
}
