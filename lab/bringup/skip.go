package bringup

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/host"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// SkipError says that this machine cannot run a scenario, and why. It is neither a failure of the scenario nor a pass.
type SkipError struct {
	Reason string // one sentence
	Err    error  // the cause, where there is more to know
}

// Error is the reason, with what else is known.
func (e *SkipError) Error() string {
	if e.Err != nil {
		return "skipped: " + e.Err.Error()
	}
	return "skipped: " + e.Reason
}

// Unwrap returns the cause.
func (e *SkipError) Unwrap() error { return e.Err }

// Obstacle reports why this machine cannot run a scenario: a kernel option that is off, or an image that can be neither
// pulled nor built here. It is nil where nothing is known to be in the way. Nothing is pulled or built.
func Obstacle(ctx context.Context, s *scenario.Scenario, source string) (*SkipError, error) {
	p, err := plan.Make(s, s.Metadata.Name, plan.Host{})
	if err != nil {
		return nil, err
	}
	if skip := kernelLacks(p); skip != nil {
		return skip, nil
	}
	store := image.NewWithoutEngine(source, Catalogue(s.Kinds())...)
	eng, err := docker.Connect(ctx)
	switch {
	case err == nil:
		defer func() { _ = eng.Close() }()
		store = image.New(eng, source, Catalogue(s.Kinds())...)
	case !errors.Is(err, docker.ErrNoEngine):
		return nil, err
	}
	var skip *SkipError
	if err := asSkip(store.Obtainable(ctx, p.Images)); err != nil && !errors.As(err, &skip) {
		return nil, err
	}
	return skip, nil
}

// kernelLacks reports which options that a plan needs the kernel does not have; nil where all are there or cannot be told.
func kernelLacks(p *plan.Plan) *SkipError {
	var options []string
	for _, n := range p.Kernel {
		options = append(options, n.Option)
	}
	lacking := host.Lacking(options...)
	var missing []string
	for _, n := range p.Kernel {
		for _, option := range lacking {
			if option == n.Option {
				missing = append(missing, fmt.Sprintf("CONFIG_%s (%s)", option, n.For))
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &SkipError{Reason: "the kernel has no " + strings.Join(missing, " and no ")}
}

// asSkip makes a skip of an image that no way leads to; an image whose building broke stays a failure.
func asSkip(err error) error {
	var gone *image.UnavailableError
	if errors.As(err, &gone) && gone.CannotBeHad() {
		return &SkipError{Reason: gone.Summary(), Err: gone}
	}
	return err
}
