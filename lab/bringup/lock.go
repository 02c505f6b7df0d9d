package bringup

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/system"
	"skidpad.dev/skidpad/lab/wait"
)

// Lock is the lock of a lab's running `up`. The kernel releases the lock when the holder dies for any reason.
type Lock struct{ f *os.File }

// Acquire takes the lab's lock. If another process holds the lock, the error names the process.
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

// engineFile is a file in a lab's folder: the address of the engine that has or had the lab.
const engineFile = "engine"

// NoteEngine writes the engine's address to the lab's folder, for Leftover.
func NoteEngine(name, engine string) error {
	dir, err := live.Dir(name)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, engineFile), []byte(engine), 0o600)
}

// Leftover lists the labs with a folder here, and without an object in the engine: a command was killed before the lab's
// first object, or after the last object. A lab of another engine is not listed, nor a lab with a command at work.
func Leftover(engine string, labs []string) ([]string, error) {
	dir, err := live.Dir("")
	if err != nil {
		return nil, err
	}
	folders, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("folders of labs: %w", err)
	}
	var left []string
	for _, f := range folders {
		folder := filepath.Join(dir, f.Name())
		name, err := url.PathUnescape(f.Name())
		if err != nil || !f.IsDir() || strings.HasPrefix(name, ".") || slices.Contains(labs, name) {
			continue
		}
		of, err := os.ReadFile(filepath.Join(folder, engineFile))
		if files, _ := os.ReadDir(folder); err != nil && len(files) > 1 || err == nil && string(of) != engine {
			continue
		}
		held, err := lockFile(filepath.Join(folder, "up.lock"), name)
		if err != nil {
			continue
		}
		held.Release()
		left = append(left, name)
	}
	return left, nil
}

// claimSubnets takes the lock of the subnets. A bring-up holds the lock from the search for free subnets until the
// networks exist.
func claimSubnets(ctx context.Context) (*Lock, error) {
	dir, err := live.Dir("")
	if err != nil {
		return nil, err
	}
	return retryLock(ctx, "the turn to choose subnets", subnetsWithin, func() (*Lock, error) { return lockFile(filepath.Join(dir, "subnets.lock"), "(another)") })
}

// lockFile takes a lock. If the lock is taken, lockFile returns a *BusyError with the holder.
func lockFile(path, name string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := system.TryLock(f); err != nil {
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

// subnetsWithin is the longest wait for another bring-up between the choice of subnets and the existence of the
// networks.
const subnetsWithin = 30 * time.Second

// retryLock tries to take a lock for at most d.
func retryLock(ctx context.Context, what string, d time.Duration, try func() (*Lock, error)) (held *Lock, err error) {
	err = wait.Until(ctx, wait.For{What: what, Within: d, Every: 50 * time.Millisecond}, func(context.Context) error {
		held, err = try()
		return err
	})
	return held, err
}

// Release frees the lock for the next `up`.
func (l *Lock) Release() { _ = l.f.Close() }

func readPid(f *os.File) int {
	b := make([]byte, 16)
	n, _ := f.ReadAt(b, 0)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	return pid
}

// BusyError reports that another process brings the lab up or takes the lab down.
type BusyError struct {
	Lab string
	Pid int
}

// Error names the process that works on the lab.
func (e *BusyError) Error() string {
	return fmt.Sprintf("lab %s: process %d is at work on it; wait for it, or take the lab down with: skidpad down --name %s", e.Lab, e.Pid, e.Lab)
}

// stopGrace is the time for a running `up` to end after the stop signal; then `up` is killed.
const stopGrace = 5 * time.Second

// TakeOver takes the lab's lock. If a living `up` holds the lock, TakeOver stops the `up` first.
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
		if err := system.Signal(busy.Pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return nil, fmt.Errorf("%w; stopping it failed: %w", busy, err)
		}
		if held, err := retryLock(ctx, "the end of process "+strconv.Itoa(busy.Pid), stopGrace, func() (*Lock, error) { return Acquire(name) }); err == nil {
			return held.Release, nil
		}
	}
	return nil, busy
}
