package bug

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Foresee reports whether this machine can have the halves of a bug. The text lists the images to pull or to build
// first; "" if all images are there. The error is the reason why a half cannot be had. Only the build shows whether all
// modules of a release can be had.
func Foresee(ctx context.Context, s *scenario.Scenario) (string, error) {
	eng, err := docker.Connect(ctx)
	if err != nil {
		return "", err
	}
	store := image.New(eng, lab.Images()...)
	var missing []string
	halves := []scenario.Half{s.Bug.Broken}
	if s.Bug.Fixed != nil {
		halves = append(halves, *s.Bug.Fixed)
	}
	for _, h := range halves {
		made, err := s.Half(h)
		if err != nil {
			return "", err
		}
		if skip, err := lab.Obstacle(ctx, made); err != nil {
			return "", err
		} else if skip != nil {
			return "", fmt.Errorf("%s: %s", h.What, skip.Reason)
		}
		p, err := plan.Make(made, "foreseen", plan.Host{})
		if err != nil {
			return "", err
		}
		gone, err := store.Missing(ctx, p.Images)
		if err != nil {
			return "", errors.Join(err)
		}
		for _, name := range gone {
			if !strings.Contains(strings.Join(missing, " "), name) {
				missing = append(missing, name)
			}
		}
	}
	if len(missing) > 0 {
		return fmt.Sprintf("after getting %s", strings.Join(missing, ", ")), nil
	}
	return "", nil
}
