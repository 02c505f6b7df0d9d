package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/probe"
)

// sample is the size of a part of skidpad at one moment.
type sample struct {
	Processes, FDs, KiB int
}

func (s sample) String() string { return fmt.Sprintf("%d×%d fds %d KiB", s.Processes, s.FDs, s.KiB) }

// Both scripts print a line for each process: the number of descriptors, the resident memory (proc_pid_status(5)), and the
// command. The first prints processes with a variable in the environment, the second processes of a program.
const (
	ofLab     = `for p in /proc/[0-9]*; do if tr '\0' '\n' <$p/environ | grep -qx "SKIDPAD_LAB=$0"; then ` + line + `; fi; done 2>/dev/null; true`
	ofProgram = `for p in /proc/[0-9]*; do case "$(tr '\0' ' ' <$p/cmdline)" in "$0 "*) ` + line + ` ;; esac; done 2>/dev/null; true`
	line      = `echo "$(ls $p/fd | wc -l) $(grep VmRSS: $p/status) $(tr '\0' ' ' <$p/cmdline)"`
)

// sample reads the size of this program, of the lab's agent and guards, and of the probers in the lab.
func (r *run) sample(ctx context.Context) (map[string]sample, error) {
	all := map[string]sample{"skidpad": self()}
	here := func(ctx context.Context, cmd ...string) ([]byte, error) {
		return exec.CommandContext(ctx, cmd[0], cmd[1:]...).Output()
	}
	if c, err := agent.Of(ctx, r.lab.Engine(), r.name); err != nil {
		return nil, err
	} else if c != nil { // the agent's container has the PID namespace of the engine's machine
		here = r.lab.Engine().Node(agent.Role, node.Kind(agent.Role), "skidpad-"+r.name+"-agent").Exec
	}
	out, err := here(ctx, "sh", "-c", ofLab, r.name)
	if err != nil {
		return nil, err
	}
	count(all, string(out), func(command string) string {
		if strings.HasPrefix(command, "skidpad-fault-guard ") {
			return "guards"
		}
		return "agent"
	})
	for _, p := range r.lab.Plan.Places().Of(node.KindClient) {
		out, err := r.lab.Engine().Node(p.Name, p.Kind, p.Container).Exec(ctx, "sh", "-c", ofProgram, probe.Program)
		if err != nil {
			return nil, err
		}
		count(all, string(out), func(string) string { return "probers" })
	}
	return all, nil
}

// count adds the processes of a script's output to the parts.
func count(all map[string]sample, out string, part func(command string) string) {
	for l := range strings.Lines(out) {
		var fds, kib int
		if n, _ := fmt.Sscanf(l, "%d VmRSS: %d kB", &fds, &kib); n != 2 {
			continue // the process has just ended
		}
		_, command, _ := strings.Cut(l, " kB ")
		name := part(command)
		s := all[name]
		all[name] = sample{s.Processes + 1, s.FDs + fds, s.KiB + kib}
	}
}

// self is this program. The memory is the live heap: the collector decides about the rest.
func self() sample {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fds, _ := os.ReadDir("/proc/self/fd")
	return sample{runtime.NumGoroutine(), len(fds), int(m.HeapAlloc >> 10)}
}
