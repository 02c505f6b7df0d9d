package build

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// run runs a command to its end. Its error carries the last lines of what the command wrote. The
// command gets a process group of its own, all of which ends when the context does. It ends with this
// process, too, however that ends.
func run(cmd *exec.Cmd) error {
	var all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &all, &all
	return runToEnd(cmd, &all)
}

// output is run for a command whose standard output is wanted.
func output(cmd *exec.Cmd) (string, error) {
	var out, all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &all
	err := runToEnd(cmd, &all)
	return out.String(), err
}

func runToEnd(cmd *exec.Cmd, said *bytes.Buffer) error {
	// The kernel's word that the parent died comes when its thread does; so this thread stays.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("program %s is missing: %w; install it", cmd.Args[0], err)
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
