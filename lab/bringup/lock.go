package bringup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/wait"
)

// Lock is held by the one `up` of a lab that runs. The kernel lets go of it when its holder dies, however that happens.
type Lock struct{ f *os.File }

// Acquire takes the lab's lock or says which process holds it.
func Acquire(name string) (*Lock, error) {
	dir, err := live.Dir(name)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return lockFile(filepath.Join(dir, "up.lock"), name)
}

// claimSubnets takes the lock that a bring-up holds from looking for free subnets until it has its networks.
func claimSubnets(ctx context.Context) (*Lock, error) {
	dir, err := live.Dir("")
	if err != nil {
		return nil, err
	}
	return retryLock(ctx, "the turn to choose subnets", subnetsWithin, func() (*Lock, error) { return lockFile(filepath.Join(dir, "subnets.lock"), "(another)") })
}

// lockFile takes a lock or returns a *BusyError with its holder.
func lockFile(path, name string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		pid := readPid(f)
		_ = f.Close()
		return nil, &BusyError{Lab: name, Pid: pid}
	}
	if err := f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return &Lock{f}, nil
}

// subnetsWithin is how long another bring-up may take from choosing its subnets to having its networks.
const subnetsWithin = 30 * time.Second

// retryLock tries to take a lock for at most d.
func retryLock(ctx context.Context, what string, d time.Duration, try func() (*Lock, error)) (held *Lock, err error) {
	err = wait.Until(ctx, wait.For{What: what, Within: d, Every: 50 * time.Millisecond}, func(context.Context) error {
		held, err = try()
		return err
	})
	return held, err
}

// Release lets the next `up` in.
func (l *Lock) Release() { _ = l.f.Close() }

func readPid(f *os.File) int {
	b := make([]byte, 16)
	n, _ := f.ReadAt(b, 0)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	return pid
}

// BusyError says that another process is bringing the lab up or taking it down.
type BusyError struct {
	Lab string
	Pid int
}

// Error names the process that is at work on the lab.
func (e *BusyError) Error() string {
	return fmt.Sprintf("lab %s: process %d is at work on it; wait for it, or take the lab down with: skidpad down --name %s", e.Lab, e.Pid, e.Lab)
}

// stopGrace is how long a running `up` gets to end after it was told to, before it is killed.
const stopGrace = 5 * time.Second

// TakeOver gets the lab's lock, from a living `up` if need be.
func TakeOver(ctx context.Context, name string) (release func(), err error) {
	held, err := Acquire(name)
	var busy *BusyError
	if !errors.As(err, &busy) {
		if err != nil {
			return nil, err
		}
		return held.Release, nil
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if busy.Pid <= 0 || busy.Pid == os.Getpid() {
			return nil, busy
		}
		if err := syscall.Kill(busy.Pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return nil, fmt.Errorf("%w; stopping it failed: %w", busy, err)
		}
		if held, err := retryLock(ctx, "the end of process "+strconv.Itoa(busy.Pid), stopGrace, func() (*Lock, error) { return Acquire(name) }); err == nil {
			return held.Release, nil
		}
	}
	return nil, busy
}
