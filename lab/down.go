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

// Down removes all that is labelled as the lab's, from any state, and returns what that was. It needs no scenario file.
// An `up` of the lab that is still at work is told to stop first. A lab that is not there is no error.
func Down(ctx context.Context, name string) ([]string, error) {
	release, err := bringup.TakeOver(ctx, name)
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
