package agent

import (
	"context"
	"fmt"
	"os"
	"strings"

	"skidpad.dev/skidpad/lab/docker"
)

// neededCaps are the capabilities for the work in other processes' namespaces: CAP_KILL, CAP_NET_ADMIN, CAP_NET_RAW,
// CAP_SYS_PTRACE and CAP_SYS_ADMIN, by their numbers (capabilities(7)).
const neededCaps = 1<<5 | 1<<12 | 1<<13 | 1<<19 | 1<<21

// whyNot returns the reason why this process cannot do the work of an agent; "" if the process can. The lab's own
// containers are the proof: their processes must be visible here.
func whyNot(ctx context.Context, e *docker.Engine, lab string) (string, error) {
	host := e.Client.DaemonHost()
	if !e.Local() {
		return "the engine at " + host + " may be on another machine", nil
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "this machine is not a Linux machine", nil //nolint:nilerr // that is the meaning of the error
	}
	if effectiveCaps(string(status))&neededCaps != neededCaps {
		return fmt.Sprintf("user %d may not enter network namespaces", os.Geteuid()), nil
	}
	containers, err := e.Containers(ctx, lab)
	if err != nil {
		return "", err
	}
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return "", err
	}
	for _, c := range containers {
		if c.State != "running" || c.Role == Role {
			continue
		}
		pid, err := e.Pid(ctx, c.ID)
		if err != nil {
			continue // the container has just ended
		}
		if ns, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid)); ns == "" || ns == own {
			return "the processes of the engine at " + host + " are not visible here", nil
		}
		return "", nil
	}
	return "", nil
}

// effectiveCaps reads the line CapEff of /proc/PID/status (proc_pid_status(5)).
func effectiveCaps(status string) uint64 {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, "CapEff:"); ok {
			var set uint64
			if _, err := fmt.Sscanf(strings.TrimSpace(value), "%x", &set); err == nil {
				return set
			}
		}
	}
	return 0
}
