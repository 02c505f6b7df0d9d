//go:build linux

package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/addon"
	apiend "skidpad.dev/skidpad/lab/cluster/endpoint"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/timeline"
)

const (
	// lookEvery is the interval of the search for new processes. The kernel records each start time, so the interval adds no
	// error to starts. Ends are seen at once.
	lookEvery = 100 * time.Millisecond
	// stayFor is the minimum age of a daemon. A short-lived starter of a daemon has the daemon's name, too.
	stayFor = 500 * time.Millisecond
	// settleWithin is the time for a new process to execute the final program.
	settleWithin = 2 * time.Second
	// clockTick is the unit of start times on every Linux (USER_HZ).
	clockTick = 10 * time.Millisecond
)

// daemonNames lists the programs whose ends and starts explain losses of packets, by the kind of their container.
func (w *Watch) daemonNames() map[node.Kind][]string {
	names := map[node.Kind][]string{
		node.KindRouter:  {apiend.Keepalived},
		node.KindCluster: {"kubelet", "containerd", "kube-apiserver", "kube-controller", "kube-scheduler", "etcd"},
	}
	kinds := w.plan.Scenario.Kinds()
	for _, of := range router.All(kinds) {
		d := of.Daemons()
		names[node.KindRouter] = slices.Concat(names[node.KindRouter], d.Routing, d.Others)
	}
	for _, m := range kinds.Addons {
		if of, ok := m.New().(addon.Daemons); ok {
			names[node.KindCluster] = append(names[node.KindCluster], of.Daemons()...)
		}
	}
	return names
}

// daemons are the watched programs in the lab's containers.
type daemons struct {
	w      *Watch
	names  map[node.Kind][]string
	owners map[string]place // by the network namespace: a daemon in a pod on the host's network belongs to the node
	seen   map[int]time.Time
	taken  map[int]bool // has a waiter now, or had a waiter; an ended process stays until the parent collects the process
	began  int64        // as timeline.Event.At; earlier starts are no events
}

// watchDaemons reports the ends and the starts of daemons. The end of the process shows the end at once.
func (w *Watch) watchDaemons(ctx context.Context, ready func()) error {
	d := &daemons{w: w, names: w.daemonNames(), seen: map[int]time.Time{}, taken: map[int]bool{}, began: timeline.Now()}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := d.look(ctx); err != nil {
			return err
		}
		ready()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// look examines the processes started since the last look.
func (d *daemons) look(ctx context.Context) error {
	dir, err := os.Open("/proc")
	if err != nil {
		return fmt.Errorf("processes: %w", err)
	}
	entries, err := dir.Readdirnames(-1)
	_ = dir.Close()
	if err != nil {
		return fmt.Errorf("processes: %w", err)
	}
	now := time.Now()
	alive := make(map[int]bool, len(entries))
	fresh := false
	for _, name := range entries {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		alive[pid] = true
		first, known := d.seen[pid]
		if !known {
			d.seen[pid], first = now, now
		}
		// An old process keeps its program; a new process may still execute another program.
		if d.taken[pid] || known && now.Sub(first) > settleWithin {
			continue
		}
		program := programOf(pid)
		if !slices.Contains(d.names[node.KindRouter], program) && !slices.Contains(d.names[node.KindCluster], program) {
			continue
		}
		if !fresh { // only if a daemon needs an owner
			d.owners, fresh = d.namespaces(), true
		}
		d.take(ctx, pid, program)
	}
	for pid := range d.seen {
		if !alive[pid] {
			delete(d.seen, pid)
			delete(d.taken, pid)
		}
	}
	return nil
}

// take begins to wait for the end of a daemon of the lab.
func (d *daemons) take(ctx context.Context, pid int, program string) {
	owner, ours := d.owners[namespaceOf(pid)]
	if !ours || !slices.Contains(d.names[owner.kind], program) {
		return
	}
	at, err := startedAt(pid)
	if err != nil || timeline.Now()-at < int64(stayFor) { // just ended, or too young: the next look decides
		return
	}
	p, err := openProcess(pid)
	if err != nil {
		return
	}
	if programOf(pid) != program { // the number may belong to another process by now
		_ = p.file.Close()
		return
	}
	if isHelper(pid, program) { // a helper, or a daemon whose parent is about to exit: later looks decide
		_ = p.file.Close()
		return
	}
	d.taken[pid] = true
	fields := map[string]string{"daemon": program, "pid": strconv.Itoa(pid)}
	if at > d.began {
		e := timeline.New(timeline.LaneAgent, owner.name, "daemon-started", program+" started", fields)
		e.At, e.Wall = at, timeline.WallAt(at)
		d.w.add(e)
	}
	d.w.sources.Go(func() {
		if p.wait(ctx) == nil {
			d.w.add(timeline.New(timeline.LaneAgent, owner.name, "daemon-ended", program+" ended", fields))
		}
	})
}

// namespaces returns the owner of each network namespace. A stopped container has no namespace.
func (d *daemons) namespaces() map[string]place {
	owners := map[string]place{}
	for _, p := range d.w.places() {
		if p.kind == node.KindGateway { // a member shares the router's namespace
			continue
		}
		if pid := d.w.pidOf(p.container); pid != 0 {
			if ns := namespaceOf(pid); ns != "" {
				owners[ns] = p
			}
		}
	}
	return owners
}

func programOf(pid int) string {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(b))
}

func namespaceOf(pid int) string {
	ns, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "ns", "net"))
	if err != nil {
		return ""
	}
	return ns
}

// isHelper reports whether a process is a fork of a daemon with the same name: keepalived forks a process for VRRP, and
// a process for every script.
func isHelper(pid int, program string) bool {
	stat, err := readStat(pid)
	return err == nil && programOf(stat.parent) == program
}

// procStat has the useful fields of /proc/PID/stat.
type procStat struct {
	parent int
	ticks  int64 // in units of clockTick, from the machine's start to the process's start
}

func readStat(pid int) (procStat, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return procStat{}, err
	}
	return parseStat(string(b))
}

// parseStat reads a line of proc_pid_stat(5). The program's name, in parentheses, may contain any character.
func parseStat(line string) (procStat, error) {
	end := strings.LastIndexByte(line, ')')
	fields := strings.Fields(line[end+1:])
	if end < 0 || len(fields) < 20 {
		return procStat{}, errors.New("not a line of /proc/PID/stat")
	}
	parent, err := strconv.Atoi(fields[1]) // field 4
	if err != nil {
		return procStat{}, fmt.Errorf("parent: %w", err)
	}
	ticks, err := strconv.ParseInt(fields[19], 10, 64) // field 22
	if err != nil {
		return procStat{}, fmt.Errorf("starting time: %w", err)
	}
	return procStat{parent, ticks}, nil
}

// startedAt returns a process's start time, as timeline.Event.At, up to 10 ms early. The kernel's clock for start times
// is CLOCK_BOOTTIME, which includes the machine's sleep.
func startedAt(pid int) (int64, error) {
	stat, err := readStat(pid)
	if err != nil {
		return 0, err
	}
	var boot unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot); err != nil {
		return 0, fmt.Errorf("CLOCK_BOOTTIME: %w", err)
	}
	return timeline.Now() - (boot.Nano() - stat.ticks*int64(clockTick)), nil
}
