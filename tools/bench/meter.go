package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/docker"
)

// tick is the unit of processor time in /proc/PID/stat (sysconf(_SC_CLK_TCK)): 100 a second on all ports of Linux.
const tick = time.Second / 100

// measure is the cost of one command.
type measure struct {
	Wall time.Duration // until the first answer or, without one, until the command ended
	// Phases has the time from the start to the end of each phase that the command reported.
	Phases map[string]time.Duration
	// Parts has the processor time of each part: the command with its children, the engine, and the containers made.
	Parts map[string]time.Duration
}

// total is the processor time of all parts.
func (m measure) total() time.Duration {
	var sum time.Duration
	for _, d := range m.Parts {
		sum += d
	}
	return sum
}

// meter measures commands.
type meter struct{ engine *docker.Engine }

// run runs a command and reads the counters afterwards. answered, if not nil, runs beside the command and returns the time
// of the first answer; 0 means that none was awaited.
func (m *meter) run(ctx context.Context, cmd *exec.Cmd, prefix string, answered func(context.Context, time.Time) time.Duration) (measure, error) {
	engine := engineTime()
	start := time.Now()
	first := make(chan time.Duration, 1)
	polling, cancel := context.WithCancel(ctx)
	defer cancel()
	if answered != nil {
		go func() { first <- answered(polling, start) }()
	} else {
		first <- 0
	}
	var said bytes.Buffer
	cmd.Stderr, cmd.WaitDelay = io.MultiWriter(os.Stderr, &said), 5*time.Second // children of a killed script keep its output open
	if err := cmd.Run(); err != nil {
		return measure{}, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	out := measure{Wall: time.Since(start), Parts: map[string]time.Duration{}, Phases: phases(said.String())}
	late, end := context.WithTimeout(ctx, 5*time.Second)
	defer end()
	select {
	case d := <-first:
		if d > 0 {
			out.Wall = d
		}
	case <-late.Done():
		return out, fmt.Errorf("%s returned, and the LoadBalancer address does not answer the client", strings.Join(cmd.Args, " "))
	}
	out.Parts["command"] = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	out.Parts["engine"] = engineTime() - engine
	return out, m.containers(ctx, prefix, out.Parts)
}

// phase matches a finished step of `skidpad up`, or a line of the plain script.
var phase = regexp.MustCompile(`(?m)^ *([0-9.]+)(?:s +(\S+) +ok +[0-9.]+s.*| (\S.*))$`)

// phases reads the ends of phases from a command's progress.
func phases(progress string) map[string]time.Duration {
	ends := map[string]time.Duration{}
	for _, m := range phase.FindAllStringSubmatch(progress, -1) {
		if d, err := time.ParseDuration(m[1] + "s"); err == nil {
			ends[m[2]+m[3]] = d
		}
	}
	return ends
}

// containers adds the processor time of the containers whose names begin with a prefix.
func (m *meter) containers(ctx context.Context, prefix string, parts map[string]time.Duration) error {
	list, err := m.engine.Client.ContainerList(ctx, client.ContainerListOptions{Filters: make(client.Filters).Add("name", prefix+"-")})
	if err != nil {
		return err
	}
	for _, c := range list.Items {
		name := strings.TrimPrefix(c.Names[0], "/")
		used, err := m.engine.Processor(ctx, name)
		if err != nil {
			return err
		}
		group := groupOf(strings.TrimPrefix(name, prefix+"-"))
		if group != "nodes: the rest" {
			parts[group] += used
			continue
		}
		stats, err := exec.CommandContext(ctx, "docker", "exec", name, "sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null; true").Output()
		if err != nil {
			return fmt.Errorf("container %s: reading the times of its processes: %w", name, err)
		}
		for part, d := range processes(stats) {
			parts[part] += d
			used -= d
		}
		parts[group] += max(0, used)
	}
	return nil
}

// groupOf is the part of a container.
func groupOf(name string) string {
	switch {
	case strings.HasSuffix(name, "-gw"):
		return "gateways"
	case strings.HasPrefix(name, "client"):
		return "clients"
	case strings.HasPrefix(name, "control-plane"), strings.HasPrefix(name, "worker"):
		return "nodes: the rest"
	}
	return "routers"
}

// processes sums the times of the processes of interest. The waited-for children of an agent are the compilers.
func processes(stats []byte) map[string]time.Duration {
	sums := map[string]time.Duration{}
	for line := range bytes.Lines(stats) {
		name, own, children, ok := timesOf(string(line))
		if !ok {
			continue
		}
		switch name {
		case "kube-apiserver", "etcd", "kubelet", "containerd", "kube-scheduler":
			sums[name] += own
		case "kube-controller": // the kernel keeps 15 characters
			sums["kube-controller-manager"] += own
		case "cilium-agent":
			sums["cilium-agent"] += own
			sums["clang and other children of cilium-agent"] += children
		}
	}
	return sums
}

// timesOf reads a line of /proc/PID/stat (proc(5)): the name, the process's own time, and the time of its waited-for
// children.
func timesOf(line string) (name string, own, children time.Duration, ok bool) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return "", 0, 0, false
	}
	fields := strings.Fields(line[end+1:])
	if len(fields) < 15 {
		return "", 0, 0, false
	}
	var times [4]time.Duration // utime, stime, cutime, cstime are the fields 14 to 17 of the line
	for i := range times {
		n, err := strconv.ParseInt(fields[11+i], 10, 64)
		if err != nil {
			return "", 0, 0, false
		}
		times[i] = time.Duration(n) * tick
	}
	return line[open+1 : end], times[0] + times[1], times[2] + times[3], true
}

// engineTime is the processor time of the engine's processes on this machine, with their children.
func engineTime() time.Duration {
	var sum time.Duration
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range files {
		line, err := os.ReadFile(f)
		if err != nil {
			continue // the process has ended
		}
		name, own, children, ok := timesOf(string(line))
		if !ok || name != "dockerd" && name != "containerd" {
			continue
		}
		// A node's own containerd is in a container's cgroup.
		if cgroup, err := os.ReadFile(filepath.Join(filepath.Dir(f), "cgroup")); err == nil && !strings.Contains(string(cgroup), "docker/") && !strings.Contains(string(cgroup), "docker-") {
			sum += own + children
		}
	}
	return sum
}
