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

// Options are the settings of Up.
type Options = bringup.Options

// Progress receives the progress of a bring-up. Calls come from several goroutines.
type Progress = bringup.Progress

// StepError names the step at which a bring-up stopped, and the next commands for the existing parts.
type StepError = bringup.StepError

// SkipError reports that this machine cannot run a scenario, with the reason. A skip is neither a failure nor a pass.
type SkipError = bringup.SkipError

// DiffersError lists the differences between a running lab and the requested scenario.
type DiffersError = bringup.DiffersError

// BusyError reports that another process brings the lab up or takes the lab down.
type BusyError = bringup.BusyError

// Obstacle reports why this machine cannot run a scenario; nil if no obstacle is known.
// Obstacle pulls and builds nothing.
func Obstacle(ctx context.Context, s *scenario.Scenario) (*SkipError, error) {
	return bringup.Obstacle(ctx, s)
}

// Up brings a lab up, or completes a half-made lab. Each step finds the parts that already exist. If a lab of the same
// name has another scenario, Up leaves the lab unchanged, also a parked lab, and returns an error with the differences.
// Otherwise Up thaws a parked lab. When ctx ends, Up removes the parts from this call, unless Keep is set. If this machine
// cannot run the scenario, the error is a *SkipError.
func Up(ctx context.Context, o Options) (*Lab, error) {
	if o.Name == "" {
		o.Name = o.Scenario.Metadata.Name
	}
	held, err := bringup.Acquire(o.Name)
	if err != nil {
		return nil, err
	}
	defer held.Release()
	if err := host.EnsureEngine(ctx, func(text string) { o.Progress.Note("host", text) }); err != nil {
		return nil, err
	}
	eng, err := docker.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := bringup.NoteEngine(o.Name, eng.Client.DaemonHost()); err != nil {
		return nil, err
	}
	l, err := bringup.Find(ctx, eng, o.Name, Kinds())
	if err != nil {
		return nil, err
	}
	var known *plan.Found
	if l != nil {
		known = l.Plan.Found
	}
	if o, err = bringup.Settle(ctx, eng, o, known); err != nil {
		return nil, err
	}
	if l == nil {
		return bringup.Create(ctx, eng, o)
	}
	differs := bringup.Same(l.Plan, o.Scenario)
	if differs != nil && !bringup.Amendable(l.Plan.Scenario, o.Scenario) {
		return nil, differs
	}
	if err := bringup.Thaw(ctx, l, o.Progress); err != nil {
		return nil, err
	}
	if differs != nil {
		if l, err = bringup.Amend(ctx, l, o.Scenario); err != nil {
			return nil, err
		}
	}
	if ok, err := healthy(ctx, l); err != nil || ok && !l.Plan.HasOwn() {
		return l, err
	}
	o.Scenario.Reveal(l.Plan) // the record has no passwords
	return l, bringup.Resume(ctx, l, o)
}

// healthy reports whether the lab has no problem at all.
func healthy(ctx context.Context, l *Lab) (bool, error) {
	st, err := l.Status(ctx)
	if err != nil {
		return false, errors.Join(fmt.Errorf("lab %s", l.Plan.Lab), err)
	}
	return st.Healthy, nil
}

// Draft returns the plan of a new lab, as Up would plan the lab. Draft makes no part of the lab.
func Draft(ctx context.Context, o Options) (*plan.Plan, error) {
	if o.Name == "" {
		o.Name = o.Scenario.Metadata.Name
	}
	eng, err := docker.Connect(ctx)
	if errors.Is(err, docker.ErrNoEngine) && (o.Scenario.Spec.Cluster == nil || !o.Scenario.Spec.Cluster.Unseen()) {
		return plan.Make(o.Scenario, o.Name, plan.Host{Without: o.Without})
	}
	if err != nil {
		return nil, err
	}
	if o, err = bringup.Settle(ctx, eng, o, nil); err != nil {
		return nil, err
	}
	return bringup.Draft(ctx, eng, o)
}

// Levers lists the measures for a quick bring-up, for Options.Without.
func Levers() []plan.Lever { return plan.Levers() }

// Text writes a plan for people, with the configurations of routers and gateways, and without passwords.
func Text(p *plan.Plan) (string, error) { return bringup.Text(p) }

// Images lists the images of all members, for a store of images.
func Images() []image.Entry { return bringup.Catalogue(Kinds()) }
