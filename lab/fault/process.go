package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/system"
)

// process finds the processes of a name in a container, and undoes faults of the processes.
type process struct {
	spot
	name string
}

// Limits of the time until a supervisor has started a killed process again. systemd and the kubelet wait some seconds, and
// longer after several deaths. watchfrr takes four seconds, but minutes if watchfrr gets stuck, for example after zebra's
// death.
const (
	respawnWithin = 60 * time.Second
	routerWithin  = 15 * time.Second
)

func (p *process) hold() string {
	return "process/" + p.at.container + "/" + p.name
}

// savedProcesses are the processes before the fault.
type savedProcesses struct {
	PIDs []int `json:"pids"`
}

func (p *process) look(ctx context.Context) (json.RawMessage, error) {
	pids, err := p.find(ctx)
	if err != nil {
		return nil, err
	}
	if len(pids) == 0 {
		return nil, fmt.Errorf("no process %s runs in %s; see `skidpad exec %s -- ps ax`", p.name, p.at.name, p.at.name)
	}
	return encode(savedProcesses{pids})
}

// undo lets a stopped process go on, and waits until the supervisor has started a killed process again. A gateway's member
// has no supervisor: undo starts the member. If a router's supervisor fails, undo restarts the whole router.
func (p *process) undo(ctx context.Context, _ json.RawMessage) error {
	pids, err := p.find(ctx)
	if err != nil {
		return p.restart(ctx, err)
	}
	if err := signal(pids, sigCont); err != nil {
		return err
	}
	within := respawnWithin
	if p.at.kind == node.KindRouter {
		within = routerWithin
	}
	err = p.in.await(ctx, fmt.Sprintf("%s: process %s runs again", p.at.name, p.name), within, p.back)
	switch {
	case errors.Is(err, errGone):
		return p.restart(ctx, err)
	case err != nil && p.at.kind == node.KindRouter && ctx.Err() == nil:
		return p.in.revive(ctx, p.at, nil)
	}
	return err
}

// back returns nil when the process runs again and, on a router, BGP answers. The death of a router's daemon may end other
// daemons, too.
func (p *process) back(ctx context.Context) error {
	pids, err := p.find(ctx)
	if err != nil {
		return err
	}
	if len(pids) == 0 {
		return errors.New("no such process")
	}
	plan := routerOf(p.in.plan, p.at.name)
	if p.at.kind != node.KindRouter || !plan.Speaks() {
		return nil
	}
	r, err := router.New(p.in.engine, p.in.plan, plan, "")
	if err != nil {
		return err
	}
	_, err = r.Sessions(ctx)
	return err
}

// restart starts a container that ended with the process.
func (p *process) restart(ctx context.Context, gone error) error {
	if !errors.Is(gone, errGone) || p.at.kind != node.KindGateway {
		return gone
	}
	return p.in.reviveMember(ctx, p.at)
}

// find returns the host's IDs of the container's processes with the name. The processes are in the container's PID namespace
// or in namespaces within, for example of pods. For a router, find leaves out the processes of the gateways' members,
// although the members share the namespace.
func (p *process) find(ctx context.Context) ([]int, error) {
	have, err := p.in.inspect(ctx, p.at.container)
	if err != nil {
		return nil, err
	}
	if !have.State.Running || have.State.Pid <= 0 {
		return nil, fmt.Errorf("container %s is %s: %w", p.at.container, have.State.Status, errGone)
	}
	pids, err := descendants(have.State.Pid)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(pids, func(pid int) bool { return !names(pid, p.name) }), nil
}

// procfs is the host's process file system. Faults find and signal processes from the host.
const procfs = "/proc"

// descendants returns the host's IDs of a process and of all processes below. An orphan in a PID namespace becomes a child of
// the namespace's first process (pid_namespaces(7)), and descendants therefore finds every process of a container.
func descendants(root int) ([]int, error) {
	entries, err := os.ReadDir(procfs)
	if err != nil {
		return nil, fmt.Errorf("processes of the host: %w", err)
	}
	children := map[int][]int{}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			parent := parentOf(pid)
			children[parent] = append(children[parent], pid)
		}
	}
	all := []int{root}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all, nil
}

// parentOf returns the second field after the command in /proc/PID/stat. The command may contain any text (proc(5)).
func parentOf(pid int) int {
	stat, err := os.ReadFile(filepath.Join(procfs, strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}

// names reports whether a process runs the program, by the first argument or, for scripts, by the thread's name. A zombie
// does not run.
func names(pid int, program string) bool {
	dir := filepath.Join(procfs, strconv.Itoa(pid))
	line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil || len(line) == 0 {
		return false
	}
	first, _, _ := strings.Cut(string(line), "\x00")
	first, _, _ = strings.Cut(first, " ")
	if strings.TrimSuffix(filepath.Base(first), ":") == program {
		return true
	}
	comm, err := os.ReadFile(filepath.Join(dir, "comm"))
	return err == nil && strings.TrimSpace(string(comm)) == program[:min(len(program), 15)]
}

// signal sends a signal to each process, and skips ended processes.
func signal(pids []int, sig syscall.Signal) error {
	var errs []error
	for _, pid := range pids {
		if err := system.Signal(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			errs = append(errs, fmt.Errorf("process %d of the host: %w; faults need root on the host", pid, err))
		}
	}
	return errors.Join(errs...)
}
