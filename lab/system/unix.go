//go:build unix

package system

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// TryLock locks a file by flock(2), or returns ErrLocked. The lock ends with the file's last descriptor, at the latest when
// the process ends.
func TryLock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrLocked
		}
		return err
	}
}

// Owner returns the user and the group of a file.
func Owner(info fs.FileInfo) (uid, gid int, ok bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(s.Uid), int(s.Gid), true
}

// Signal is kill(2). The error of a missing process is syscall.ESRCH.
func Signal(pid int, sig syscall.Signal) error { return syscall.Kill(pid, sig) }

// Detach starts a command in a session of its own: Ctrl-C at a terminal reaches only this process.
func Detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// Now returns CLOCK_MONOTONIC in nanoseconds (clock_gettime(2)): the same in every process and, on Linux, in every container.
func Now() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(fmt.Sprintf("lab bug: CLOCK_MONOTONIC cannot be read: %v", err))
	}
	return ts.Nano()
}
