package build

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/system"
)

// run runs a command to its end. The error has the last lines of the command's output. The command has a process group
// of its own; the whole group ends with the context, and with this process in any case.
func run(cmd *exec.Cmd) error {
	var all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &all, &all
	return runToEnd(cmd, &all)
}

// output runs a command like run, and returns the standard output.
func output(cmd *exec.Cmd) (string, error) {
	var out, all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &all
	err := runToEnd(cmd, &all)
	return out.String(), err
}

func runToEnd(cmd *exec.Cmd, said *bytes.Buffer) error {
	// The kernel reports the parent's death when the parent's thread ends, so this thread must stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	system.Group(cmd)
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("program %s is missing: %w; install %[1]s", cmd.Args[0], err)
	}
	return fmt.Errorf("%s: %w: %s", cmd.Args[0], err, tail(said.String(), 15))
}

// tail returns the last n lines of s.
func tail(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
