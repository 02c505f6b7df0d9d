package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/host"
)

// stopGrace is how long a running `up` gets to end after it was told to, before it is killed.
const stopGrace = 5 * time.Second

// Down removes all that is labelled as the lab's, from any state, and returns what that was. It needs no scenario file.
// An `up` of the lab that is still at work is told to stop first. A lab that is not there is no error.
func Down(ctx context.Context, name string) ([]string, error) {
	release, err := takeOver(ctx, name)
	if err != nil {
		return nil, err
	}
	defer release()
	eng, err := docker.Connect(ctx)
	if err != nil {
		return nil, err
	}
	removed, err := eng.Remove(ctx, name)
	if err != nil {
		return removed, err
	}
	dir, err := Dir(name)
	if err != nil {
		return removed, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return removed, fmt.Errorf("lab %s: its files: %w", name, err)
	}
	left, err := eng.Labs(ctx)
	if err != nil || len(left) > 0 {
		return removed, err
	}
	return removed, errors.Join(host.Sweep(ctx, eng), host.Restore())
}

// takeOver gets the lab's lock, from a living `up` if need be.
func takeOver(ctx context.Context, name string) (release func(), err error) {
	held, err := acquire(name)
	var busy *BusyError
	if !errors.As(err, &busy) {
		if err != nil {
			return nil, err
		}
		return held.release, nil
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if busy.Pid <= 0 || busy.Pid == os.Getpid() {
			return nil, busy
		}
		if err := syscall.Kill(busy.Pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return nil, fmt.Errorf("%w; stopping it failed: %w", busy, err)
		}
		if held, err := retryLock(ctx, stopGrace, func() (*lock, error) { return acquire(name) }); err == nil {
			return held.release, nil
		}
	}
	return nil, busy
}
