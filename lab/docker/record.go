package docker

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// recordName is the engine's name of a lab's record: an empty volume with the record in a label. Labels of networks never
// change, and labels of a new volume are new.
func recordName(lab string) string { return "skidpad-" + lab + "-record" }

// Keep records values of a lab, in place of an earlier record.
func (e *Engine) Keep(ctx context.Context, lab string, values map[string]string) error {
	name := recordName(lab)
	if _, err := e.Client.VolumeRemove(ctx, name, client.VolumeRemoveOptions{Force: true}); err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("lab %s: removing its old record: %w", lab, err)
	}
	if _, err := e.Client.VolumeCreate(ctx, client.VolumeCreateOptions{Name: name, Labels: labels(lab, "record", "record", values)}); err != nil {
		return fmt.Errorf("lab %s: recording: %w", lab, err)
	}
	return nil
}

// Shared makes a volume, unless the volume is there, and returns the folder of the engine's machine with its files. The
// volume belongs to no lab.
func (e *Engine) Shared(ctx context.Context, name string) (folder string, err error) {
	made, err := e.Client.VolumeCreate(ctx, client.VolumeCreateOptions{Name: name})
	if err != nil {
		return "", fmt.Errorf("volume %s: %w", name, err)
	}
	return made.Volume.Mountpoint, nil
}

// Record returns the record of a lab; nil without a record.
func (e *Engine) Record(ctx context.Context, lab string) (map[string]string, error) {
	have, err := e.Client.VolumeInspect(ctx, recordName(lab), client.VolumeInspectOptions{})
	switch {
	case errdefs.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("lab %s: its record: %w", lab, err)
	case labOf(have.Volume.Labels) != lab:
		return nil, nil
	}
	return have.Volume.Labels, nil
}
