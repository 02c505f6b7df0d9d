// Package bringup makes a lab. The package has the walk over the plan's steps (see steps.go), and the obstacles that
// stop a walk before the first step. A lock allows one walk of a lab at a time. A record on the networks finds the lab
// again.
package bringup

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/host"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Options are the settings of a bring-up.
type Options struct {
	Name     string // name of the lab; default: the scenario's
	Scenario *scenario.Scenario
	Images   image.Policy
	Keep     bool // leave a half-made lab running after an interruption
	// Without are the names of the levers to switch off: see plan.Levers.
	Without  []string
	Progress Progress

	found *plan.Found // the running cluster of the scenario; see Settle
}

// Create brings up a lab without existing parts. Images come first, because a lab without images needs no networks.
func Create(ctx context.Context, eng *docker.Engine, o Options) (*live.Lab, error) {
	p, err := Draft(ctx, eng, o)
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
	if err := findCharts(ctx, p, images); err != nil {
		return nil, err
	}
	p, networked, err := claim(ctx, eng, o)
	defer networked()
	if err != nil {
		return nil, err
	}
	l := live.New(eng, p, images, missing)
	err = build(ctx, l, o, networked)
	if err != nil && ctx.Err() != nil && !o.Keep {
		_, undo := Remove(context.WithoutCancel(ctx), eng, o.Name, o.Scenario.Kinds())
		return nil, errors.Join(fmt.Errorf("lab %s: interrupted; what was begun is removed", o.Name), undo)
	}
	var refused *plan.RefusedError
	if errors.As(err, &refused) && !o.Keep {
		_, undo := Remove(context.WithoutCancel(ctx), eng, o.Name, o.Scenario.Kinds())
		return nil, errors.Join(fmt.Errorf("lab %s: %w\nwhat was begun is removed; with --keep the lab stays", o.Name, refused), undo)
	}
	return l, err
}

// findCharts reads the charts of the user's own, so that a missing chart is found before the lab has any part.
func findCharts(ctx context.Context, p *plan.Plan, images map[string]image.Resolved) error {
	for _, a := range p.Addons {
		if a.Chart == nil || a.Chart.At == "" {
			continue
		}
		planned, err := addon.NewPlanned(p, a, images, nil)
		if err == nil {
			err = planned.Prepare(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// claim drafts a new lab while no other `up` may draft, because two drafts could find the same free subnets. The caller
// releases the claim when the lab's networks exist or when the bring-up failed. A second release is harmless.
func claim(ctx context.Context, eng *docker.Engine, o Options) (*plan.Plan, func(), error) {
	held, err := claimSubnets(ctx)
	if err != nil {
		return nil, func() {}, err
	}
	release := sync.OnceFunc(held.Release)
	p, err := Draft(ctx, eng, o)
	return p, release, err
}

// Draft makes the plan of a new lab.
func Draft(ctx context.Context, eng *docker.Engine, o Options) (*plan.Plan, error) {
	facts, err := host.Facts(ctx, eng)
	if err != nil {
		return nil, err
	}
	if o.found != nil {
		if err := alone(ctx, eng, o); err != nil {
			return nil, err
		}
		facts.Found, facts.Taken = o.found, append(facts.Taken, o.found.Taken...)
	}
	facts.Without = o.Without
	return plan.Make(o.Scenario, o.Name, facts)
}
