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

// SkipError reports that this machine cannot run a scenario, with the reason. A skip is neither a failure nor a pass.
type SkipError struct {
	Reason string // one sentence
	Err    error  // the cause, if more is known
}

// Error returns the reason and the cause.
func (e *SkipError) Error() string {
	if e.Err != nil {
		return "skipped: " + e.Err.Error()
	}
	return "skipped: " + e.Reason
}

// Unwrap returns the cause.
func (e *SkipError) Unwrap() error { return e.Err }

// Obstacle reports why this machine cannot run a scenario: a missing kernel option, or an image that can be neither
// pulled nor built here. Obstacle returns nil if no obstacle is known. Obstacle pulls and builds nothing.
func Obstacle(ctx context.Context, s *scenario.Scenario) (*SkipError, error) {
	store := image.NewWithoutEngine(Catalogue(s.Kinds())...)
	eng, err := docker.Connect(ctx)
	switch {
	case err == nil:
		defer func() { _ = eng.Close() }()
		store = image.New(eng, Catalogue(s.Kinds())...)
	case !errors.Is(err, docker.ErrNoEngine):
		return nil, err
	}
	o := Options{Name: s.Metadata.Name, Scenario: s}
	if c := s.Spec.Cluster; c != nil && c.Unseen() {
		if eng == nil {
			return &SkipError{Reason: c.Running() + " cannot be seen without an engine"}, nil
		}
		if o, err = Settle(ctx, eng, o, nil); err != nil {
			return &SkipError{Reason: err.Error()}, nil //nolint:nilerr // no such cluster here
		}
	}
	p, err := plan.Make(o.Scenario, o.Name, plan.Host{Found: o.found})
	if err != nil {
		return nil, err
	}
	if skip := kernelLacks(p); skip != nil {
		return skip, nil
	}
	var skip *SkipError
	if err := asSkip(store.Obtainable(ctx, p.Images)); err != nil && !errors.As(err, &skip) {
		return nil, err
	}
	return skip, nil
}

// kernelLacks reports the kernel options that a plan needs and the kernel lacks; nil if all are there or unknown.
func kernelLacks(p *plan.Plan) *SkipError {
	var options []string
	uses := map[string][]string{}
	for _, n := range p.Kernel {
		if len(n.Instead) > 0 && len(host.Lacking(n.Instead...)) == 0 {
			continue
		}
		for _, option := range host.Lacking(n.Option) {
			if uses[option] == nil {
				options = append(options, option)
			}
			uses[option] = append(uses[option], n.For)
		}
	}
	if len(options) == 0 {
		return nil
	}
	for i, option := range options {
		options[i] = fmt.Sprintf("CONFIG_%s (%s)", option, strings.Join(uses[option], "; "))
	}
	return &SkipError{Reason: "the kernel has no " + strings.Join(options, " and no ")}
}

// asSkip turns "cannot be pulled and has no recipe" into a SkipError. A recipe that fails stays an error.
func asSkip(err error) error {
	var gone *image.UnavailableError
	if errors.As(err, &gone) && gone.CannotBeHad() {
		return &SkipError{Reason: gone.Summary(), Err: gone}
	}
	return err
}
