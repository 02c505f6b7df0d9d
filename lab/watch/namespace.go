//go:build linux

package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// process is a container's first process, by the host's number.
//
// A socket in a network namespace keeps the namespace alive, with its links and addresses: a watched router would go on
// forwarding and answering ARP after its death. So every holder of such a socket must close the socket when gone is
// closed, within a fraction of a millisecond after the death, long before the engine notices the death.
type process struct {
	pid  int
	file *os.File
}

// openProcess opens a process. The open file shows the end of the process, and keeps the number from meaning another
// process.
func openProcess(pid int) (*process, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("process %d: pidfd_open: %w", pid, err)
	}
	return &process{pid: pid, file: os.NewFile(uintptr(fd), fmt.Sprintf("pidfd %d", pid))}, nil
}

// wait returns nil when the process has ended, or the cause when ctx ends first. wait closes the process.
func (p *process) wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = p.file.Close() })
	defer func() {
		stop()
		_ = p.file.Close()
	}()
	raw, err := p.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("process %d: %w", p.pid, err)
	}
	err = raw.Read(func(fd uintptr) bool {
		// The poller may wake up without a reason.
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return err == nil && n > 0
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("process %d: waiting for its end: %w", p.pid, err)
	}
	return nil
}

// openNamespace opens the network namespace of a process. The caller closes the namespace.
func openNamespace(pid int) (netns.NsHandle, error) {
	ns, err := netns.GetFromPid(pid)
	if errors.Is(err, os.ErrPermission) {
		return ns, fmt.Errorf("network namespace of process %d: %w; watching inside containers needs root (CAP_SYS_ADMIN and CAP_SYS_PTRACE)", pid, err)
	}
	if err != nil {
		return ns, fmt.Errorf("network namespace of process %d: %w; the engine may run on another machine", pid, err)
	}
	return ns, nil
}

// inNamespace calls f on a thread in a network namespace. Sockets from f belong to the namespace permanently.
func inNamespace(ns netns.NsHandle, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			runtime.UnlockOSThread()
			done <- fmt.Errorf("this thread's network namespace: %w", err)
			return
		}
		defer func() {
			// A thread that cannot go back must not run anything else: locked, the thread ends with this goroutine.
			// This is the exception, because the process' first thread does not end, and would keep the namespace
			// alive.
			if netns.Set(home) == nil {
				runtime.UnlockOSThread()
			}
			_ = home.Close()
		}()
		if err := netns.Set(ns); err != nil {
			done <- fmt.Errorf("entering a network namespace: %w; this needs root (CAP_SYS_ADMIN)", err)
			return
		}
		done <- f()
	}()
	return <-done
}
