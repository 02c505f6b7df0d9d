package lab

import (
	"context"
	"errors"
	"fmt"
	"os"

	"skidpad.dev/skidpad/lab/bringup"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/host"
)

// Down removes every part with the lab's labels, from any state, and returns the removed parts. Down needs no scenario
// file. If an `up` of the lab is still running, Down stops the `up` first. A missing lab is no error.
func Down(ctx context.Context, name string) ([]string, error) {
	eng, err := docker.Connect(ctx) // first: without an engine, no folder of the lab is made for its lock
	if err != nil {
		return nil, err
	}
	release, err := bringup.TakeOver(ctx, name)
	if err != nil {
		return nil, err
	}
	defer release()
	removed, err := bringup.Remove(ctx, eng, name, Kinds())
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

// Leftover lists the labs of which a killed command has left only files: no listing has the labs, and Down removes the
// files.
func Leftover(ctx context.Context) ([]string, error) {
	eng, all, err := labs(ctx)
	if err != nil {
		return nil, err
	}
	return bringup.Leftover(eng.Client.DaemonHost(), all)
}

// Park freezes a healthy lab, so that the lab uses no processor time. Up thaws the lab. A parked lab stays unchanged.
func Park(ctx context.Context, name string) error {
	l, err := Find(ctx, name)
	if err != nil {
		return err
	}
	held, err := bringup.Acquire(l.Plan.Lab)
	if err != nil {
		return err
	}
	defer held.Release()
	return bringup.Park(ctx, l)
}
