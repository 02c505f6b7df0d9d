package docker

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
	"syscall"
	"time"

	"skidpad.dev/skidpad/lab/system"
	"skidpad.dev/skidpad/lab/wait"
)

// EnvLab is an environment variable that `up` sets for the programs it starts on the host, for example kind's
// calls of the engine's command line. After `up` was killed, the variable identifies these programs.
const EnvLab = "SKIDPAD_LAB"

// makingGrace is the time allowed to a process that makes a container; orphanDeadline limits the wait until
// all processes are gone.
const (
	makingGrace    = 10 * time.Second
	orphanDeadline = makingGrace + 5*time.Second
)

// endOrphans kills this user's processes whose environment holds SKIDPAD_LAB=<lab>, waits until the processes
// are gone, and returns the killed processes. A process that is making a container may end by itself: if
// killed, the process would leave the engine at work on a container that is listed only once made. endOrphans
// never kills this process or its ancestors, because a user may have set the variable in a shell.
func endOrphans(ctx context.Context, proc, lab string) ([]string, error) {
	spared := ancestors(proc, os.Getpid())
	began := time.Now()
	var killed []string
	err := wait.Until(ctx, wait.For{What: "the end of processes that `up` started", Within: orphanDeadline, Every: 10 * time.Millisecond}, func(context.Context) error {
		left := orphans(proc, lab, spared)
		if len(left) == 0 {
			return nil
		}
		var errs []error
		for _, pid := range left {
			if makes(proc, pid) && time.Since(began) < makingGrace {
				continue
			}
			said := fmt.Sprintf("process %d (%s)", pid, commandOf(proc, pid))
			ended, err := endOrphan(proc, lab, pid)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", said, err))
			}
			if ended && !slices.Contains(killed, said) {
				killed = append(killed, said)
			}
		}
		return errors.Join(append(errs, fmt.Errorf("left: %v", left))...)
	})
	if err != nil {
		err = fmt.Errorf("lab %s: %w", lab, err)
	}
	return killed, err
}

// endOrphan kills a process after checking again that the process is the intended process. The handle prevents
// the reuse of the process ID in between.
func endOrphan(proc, lab string, pid int) (bool, error) {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false, fmt.Errorf("finding it: %w", err)
	}
	defer func() { _ = p.Release() }()
	if !holdsLab(proc, lab, pid) {
		return false, nil
	}
	if err := p.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return false, fmt.Errorf("killing it: %w", err)
	}
	return true, nil
}

// orphans lists this user's processes that hold the variable, without the spared processes.
func orphans(proc, lab string, spared map[int]bool) []int {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil
	}
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || spared[pid] {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			continue
		}
		if uid, _, ok := system.Owner(info); ok && uid == os.Getuid() && holdsLab(proc, lab, pid) {
			found = append(found, pid)
		}
	}
	return found
}

// holdsLab reports whether a process was started with SKIDPAD_LAB=<lab>. An ended process, including a zombie,
// has no environment.
func holdsLab(proc, lab string, pid int) bool {
	environ, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "environ"))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(bytes.Split(environ, []byte{0}), func(v []byte) bool { return string(v) == EnvLab+"="+lab })
}

// ancestors returns a process and all its ancestors.
func ancestors(proc string, pid int) map[int]bool {
	line := map[int]bool{}
	for pid > 0 && !line[pid] {
		line[pid] = true
		stat, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "stat"))
		if err != nil {
			break
		}
		pid = parentIn(string(stat))
	}
	return line
}

// parentIn reads the parent's ID from a /proc/PID/stat: the second field after the command. The command is in
// parentheses and may itself contain spaces and parentheses (proc(5)).
func parentIn(stat string) int {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return parent
}

// makes reports whether a process is the engine's command line that makes a container.
func makes(proc string, pid int) bool {
	line, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return false
	}
	words := strings.Split(string(line), "\x00")
	return len(words) > 1 && filepath.Base(words[0]) == "docker" && (words[1] == "run" || words[1] == "create")
}

// commandOf returns the start of a process's command line, for people.
func commandOf(proc string, pid int) string {
	line, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "cmdline"))
	if err != nil || len(line) == 0 {
		return "ending"
	}
	words := strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))
	if len(words) > 60 {
		words = words[:60] + "…"
	}
	return words
}
