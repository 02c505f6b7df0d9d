package system

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// TryLock locks a file, or returns ErrLocked. The lock is on a byte far beyond the contents, because other processes cannot
// read locked bytes.
func TryLock(f *os.File) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0,
		&windows.Overlapped{OffsetHigh: math.MaxInt32})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrLocked
	}
	return err
}

// Owner returns false: Windows has no numbers of users and groups.
func Owner(fs.FileInfo) (uid, gid int, ok bool) { return 0, 0, false }

// Signal ends a process. Signal 0 only looks for the process. The error of a missing process is syscall.ESRCH.
func Signal(pid int, sig syscall.Signal) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return syscall.ESRCH
	}
	defer func() { _ = p.Release() }()
	if sig == 0 {
		return nil
	}
	return p.Kill()
}

// Detach starts a command in a process group of its own: Ctrl-C at a terminal reaches only this process.
func Detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// Group does nothing: a command's context ends the command, and none of the programs that the command has started.
func Group(*exec.Cmd) {}

var began = time.Now()

// Now returns the monotonic time since the start of this process in nanoseconds.
func Now() int64 { return int64(time.Since(began)) }
