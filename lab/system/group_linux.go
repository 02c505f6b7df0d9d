package system

import (
	"os/exec"
	"syscall"
)

// Group gives a command a process group. The whole group ends with the command's context; the command ends with the calling
// thread, at the latest with this process.
func Group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
