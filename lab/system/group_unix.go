//go:build unix && !linux

package system

import (
	"os/exec"
	"syscall"
)

// Group gives a command a process group. The whole group ends with the command's context. After a kill of this process, the
// group goes on.
func Group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
