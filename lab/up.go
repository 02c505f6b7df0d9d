package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/host"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Options say what Up is to do.
type Options struct {
	Name     string // of the lab; default: the scenario's
	Scenario *scenario.Scenario
	Images   image.Policy
	Source   string // the folder that images are built from; empty: nothing can be built
	Keep     bool   // leave a half-made lab standing when interrupted
	Progress Progress
}

// Up brings a lab up, or goes on with one that stopped halfway. Steps that are done already are found to be so.
// A lab of that name with another scenario is left as it is and is an error that says what differs.
// When ctx ends, what this call began is removed again, unless Keep is set. A scenario that this machine cannot run is a
// *SkipError.
func Up(ctx context.Context, o Options) (*Lab, error) {
	if o.Name == "" {
		o.Name = o.Scenario.Metadata.Name
	}
	held, err := acquire(o.Name)
	if err != nil {
		return nil, err
	}
	defer held.release()
	// Children such as kind's calls of the engine's client outlive a killed parent; `down` finds them by this.
	if err := os.Setenv(docker.EnvLab, o.Name); err != nil {
		return nil, err
	}
	if err := host.EnsureEngine(ctx, o.Source, func(text string) { o.Progress.Note("host", text) }); err != nil {
		return nil, err
	}
	eng, err := docker.Connect(ctx)
	if err != nil {
		return nil, err
	}
	l, err := find(ctx, eng, o.Name)
	if err != nil {
		return nil, err
	}
	if l == nil {
		return create(ctx, eng, o)
	}
	if err := l.same(o.Scenario); err != nil {
		return nil, err
	}
	if ok, err := l.healthy(ctx); err != nil || ok {
		return l, err
	}
	return l, l.build(ctx, o, func() {})
}

// create brings up a lab of which nothing is there. Images come first, so that nothing is made for one that cannot be had.
func create(ctx context.Context, eng *docker.Engine, o Options) (*Lab, error) {
	l, err := draft(ctx, eng, o)
	if err != nil {
		return nil, err
	}
	if skip := kernelLacks(l.Plan); skip != nil {
		return nil, skip
	}
	images, err := l.resolve(ctx, o)
	if err != nil {
		return nil, asSkip(err)
	}
	missing := l.missing
	l, networked, err := claim(ctx, eng, o)
	defer networked()
	if err != nil {
		return nil, err
	}
	l.images, l.missing = images, missing
	err = l.build(ctx, o, networked)
	if err != nil && ctx.Err() != nil && !o.Keep {
		_, undo := eng.Remove(context.WithoutCancel(ctx), o.Name)
		return nil, errors.Join(fmt.Errorf("lab %s: interrupted; what was begun is removed", o.Name), undo)
	}
	return l, err
}

// claim drafts a new lab while no other `up` may, so that two do not find the same subnets free. The claim is to be
// released when the lab's networks stand, or when it failed; releasing it twice is harmless.
func claim(ctx context.Context, eng *docker.Engine, o Options) (*Lab, func(), error) {
	held, err := claimSubnets(ctx)
	if err != nil {
		return nil, func() {}, err
	}
	release := sync.OnceFunc(held.release)
	l, err := draft(ctx, eng, o)
	return l, release, err
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
	l, err := draft(ctx, eng, o)
	if err != nil {
		return nil, err
	}
	return l.Plan, nil
}

// draft makes the plan of a new lab.
func draft(ctx context.Context, eng *docker.Engine, o Options) (*Lab, error) {
	facts, err := host.Facts(ctx, eng)
	if err != nil {
		return nil, err
	}
	p, err := plan.Make(o.Scenario, o.Name, facts)
	if err != nil {
		return nil, err
	}
	return &Lab{Plan: p, engine: eng}, nil
}
