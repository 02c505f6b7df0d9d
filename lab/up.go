package lab

import (
	"context"
	"errors"
	"fmt"

	"skidpad.dev/skidpad/lab/bringup"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/host"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Options say what Up is to do.
type Options = bringup.Options

// Progress is told what a bring-up is at. Calls come from several goroutines.
type Progress = bringup.Progress

// StepError says at which step a bring-up stopped, and what to do with what stands.
type StepError = bringup.StepError

// SkipError says that this machine cannot run a scenario, and why. It is neither a failure of the scenario nor a pass.
type SkipError = bringup.SkipError

// DiffersError says in what a running lab differs from the scenario that was asked for.
type DiffersError = bringup.DiffersError

// BusyError says that another process is bringing the lab up or taking it down.
type BusyError = bringup.BusyError

// Obstacle reports why this machine cannot run a scenario; nil where nothing is known to be in the way. source is the
// folder that images are built from. Nothing is pulled or built.
func Obstacle(ctx context.Context, s *scenario.Scenario, source string) (*SkipError, error) {
	return bringup.Obstacle(ctx, s, source)
}

// Up brings a lab up, or goes on with one that stopped halfway. Steps that are done already are found to be so.
// A lab of that name with another scenario is left as it is and is an error that says what differs.
// When ctx ends, what this call began is removed again, unless Keep is set. A scenario that this machine cannot run is a
// *SkipError.
func Up(ctx context.Context, o Options) (*Lab, error) {
	if o.Name == "" {
		o.Name = o.Scenario.Metadata.Name
	}
	held, err := bringup.Acquire(o.Name)
	if err != nil {
		return nil, err
	}
	defer held.Release()
	if err := host.EnsureEngine(ctx, o.Source, func(text string) { o.Progress.Note("host", text) }); err != nil {
		return nil, err
	}
	eng, err := docker.Connect(ctx)
	if err != nil {
		return nil, err
	}
	l, err := bringup.Find(ctx, eng, o.Name, Kinds())
	if err != nil {
		return nil, err
	}
	if l == nil {
		return bringup.Create(ctx, eng, o)
	}
	if err := bringup.Same(l.Plan, o.Scenario); err != nil {
		return nil, err
	}
	if ok, err := healthy(ctx, l); err != nil || ok {
		return l, err
	}
	return l, bringup.Resume(ctx, l, o)
}

// healthy reports whether nothing at all is wrong with the lab.
func healthy(ctx context.Context, l *Lab) (bool, error) {
	st, err := l.Status(ctx)
	if err != nil {
		return false, errors.Join(fmt.Errorf("lab %s", l.Plan.Lab), err)
	}
	return st.Healthy, nil
}

// Draft makes the plan that Up would make for a new lab, and makes nothing of it.
func Draft(ctx context.Context, o Options) (*plan.Plan, error) {
	if o.Name == "" {
		o.Name = o.Scenario.Metadata.Name
	}
	eng, err := docker.Connect(ctx)
	if errors.Is(err, docker.ErrNoEngine) {
		return plan.Make(o.Scenario, o.Name, plan.Host{})
	}
	if err != nil {
		return nil, err
	}
	return bringup.Draft(ctx, eng, o)
}

// Images lists the images of all members, for a store of images.
func Images() []image.Entry { return bringup.Catalogue(Kinds()) }
