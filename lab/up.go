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
	"skidpad.dev/skidpad/lab/live"
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
	if err := same(l.Plan, o.Scenario); err != nil {
		return nil, err
	}
	if ok, err := healthy(ctx, l); err != nil || ok {
		return l, err
	}
	return l, build(ctx, l, o, func() {})
}

// healthy reports whether nothing at all is wrong with the lab.
func healthy(ctx context.Context, l *Lab) (bool, error) {
	st, err := l.Status(ctx)
	if err != nil {
		return false, errors.Join(fmt.Errorf("lab %s", l.Plan.Lab), err)
	}
	return st.Healthy, nil
}

// create brings up a lab of which nothing is there. Images come first, so that nothing is made for one that cannot be had.
func create(ctx context.Context, eng *docker.Engine, o Options) (*Lab, error) {
	p, err := draft(ctx, eng, o)
	if err != nil {
		return nil, err
	}
	if skip := kernelLacks(p); skip != nil {
		return nil, skip
	}
	images, missing, err := resolve(ctx, eng, p, o)
	if err != nil {
		return nil, asSkip(err)
	}
	p, networked, err := claim(ctx, eng, o)
	defer networked()
	if err != nil {
		return nil, err
	}
	l := live.New(eng, p, images, missing)
	err = build(ctx, l, o, networked)
	if err != nil && ctx.Err() != nil && !o.Keep {
		_, undo := eng.Remove(context.WithoutCancel(ctx), o.Name)
		return nil, errors.Join(fmt.Errorf("lab %s: interrupted; what was begun is removed", o.Name), undo)
	}
	return l, err
}

// claim drafts a new lab while no other `up` may, so that two do not find the same subnets free. The claim is to be
// released when the lab's networks stand, or when it failed; releasing it twice is harmless.
func claim(ctx context.Context, eng *docker.Engine, o Options) (*plan.Plan, func(), error) {
	held, err := claimSubnets(ctx)
	if err != nil {
		return nil, func() {}, err
	}
	release := sync.OnceFunc(held.release)
	p, err := draft(ctx, eng, o)
	return p, release, err
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
	return draft(ctx, eng, o)
}

// draft makes the plan of a new lab.
func draft(ctx context.Context, eng *docker.Engine, o Options) (*plan.Plan, error) {
	facts, err := host.Facts(ctx, eng)
	if err != nil {
		return nil, err
	}
	return plan.Make(o.Scenario, o.Name, facts)
}
