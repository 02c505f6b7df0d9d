package docker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Processor returns the processor time, user and system, of all processes of a running or frozen container since the
// container's start, by the counter of the container's cgroup on this machine. The engine's own answer (GET
// /containers/ID/stats) has no counters for some containers.
func (e *Engine) Processor(ctx context.Context, name string) (time.Duration, error) {
	pid, err := e.Pid(ctx, name)
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return 0, fmt.Errorf("container %s: %w", name, err)
	}
	file, key, unit := counter(string(text))
	if file == "" {
		return 0, fmt.Errorf("container %s: no cgroup with a counter of processor time in %q", name, text)
	}
	text, err = os.ReadFile(filepath.Join("/sys/fs/cgroup", file))
	if err != nil {
		return 0, fmt.Errorf("container %s: %w", name, err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, key); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return time.Duration(n) * unit, err
		}
	}
	return 0, fmt.Errorf("container %s: no %q in %s", name, key, file)
}

// counter finds the counter's file below /sys/fs/cgroup in the text of /proc/PID/cgroup (cgroups(7)): cpuacct.usage of
// cgroup v1, or cpu.stat of cgroup v2, where key precedes the value.
func counter(cgroups string) (file, key string, unit time.Duration) {
	for line := range strings.Lines(cgroups) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) < 3:
		case strings.Contains(","+parts[1]+",", ",cpuacct,"):
			return filepath.Join(parts[1], own(parts[2]), "cpuacct.usage"), "", time.Nanosecond
		case parts[0] == "0":
			file, key, unit = filepath.Join(own(parts[2]), "cpu.stat"), "usage_usec ", time.Microsecond
		}
	}
	return file, key, unit
}

// own cuts a cgroup's path after the container's own cgroup. The first process of a container with systemd is in a cgroup
// below.
func own(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		id := strings.TrimSuffix(strings.TrimPrefix(p, "docker-"), ".scope")
		if len(id) == 64 && strings.Trim(id, "0123456789abcdef") == "" {
			return strings.Join(parts[:i+1], "/")
		}
	}
	return path
}
