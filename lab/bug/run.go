package bug

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/host"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Options are the settings of a bug's test.
type Options struct {
	ID       string
	Name     string // the start of the labs' names; default: the ID
	Images   image.Policy
	Dir      string // folder of the run; empty: keep nothing
	Keep     bool   // leave the labs running
	Apart    bool   // one half after the other, even if the memory has room for both
	Progress lab.Progress
	// Patched is a checkout of the component's source. Tried is a version of the component. Each adds a column; empty: none.
	Patched, Tried string
}

// maxBase leaves room for the ending of a lab's name. A name has at most 20 characters.
const maxBase = 18

// labName returns the name of a half's lab.
func labName(base, ending string) string {
	return strings.TrimRight(base[:min(len(base), maxBase)], "-") + "-" + ending
}

// Run tests a bug. Run returns an error only if the bug cannot run at all. The column of a half has the half's errors.
func Run(ctx context.Context, s *scenario.Scenario, o Options) (*Report, error) {
	if s.Bug == nil {
		return nil, fmt.Errorf("scenario %s has no bug section; see `skidpad repro list`", s.Metadata.Name)
	}
	if o.Name == "" {
		o.Name = o.ID
	}
	r := &Report{ID: o.ID, Title: s.Bug.Title, Link: s.Bug.Link, Component: s.Bug.Component, Started: time.Now()}
	halves, err := halvesOf(s, o)
	if err != nil {
		return nil, err
	}
	if o.Apart || len(halves) > 1 && !roomFor(halves) {
		err = oneByOne(ctx, halves)
	} else {
		err = together(ctx, halves)
	}
	for _, h := range halves {
		h.interrupted(ctx)
		r.Columns = append(r.Columns, h.Column)
	}
	r.Verdict, r.Why = judge(r.Columns)
	r.Took = time.Since(r.Started)
	return r, err
}

// Plans returns the plan of each half's lab.
func Plans(ctx context.Context, s *scenario.Scenario, o Options) ([]*plan.Plan, error) {
	o.Name = cmp.Or(o.Name, o.ID)
	halves, err := halvesOf(s, o)
	if err != nil {
		return nil, err
	}
	var all []*plan.Plan
	for _, h := range halves {
		p, err := lab.Draft(ctx, lab.Options{Name: h.Lab, Scenario: h.scenario, Images: o.Images})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", h.Half, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// halvesOf returns the columns to run: broken, fixed, and the halves from the options.
func halvesOf(s *scenario.Scenario, o Options) ([]*half, error) {
	var all []*half
	add := func(name, ending string, spec scenario.Half) error {
		made, err := s.Half(spec)
		if err != nil {
			return err
		}
		all = append(all, &half{bug: s.Bug, scenario: made, options: o, Column: Column{Half: name, What: spec.What, Lab: labName(o.Name, ending)}})
		return nil
	}
	if err := add(scenario.HalfBroken, "b", s.Bug.Broken); err != nil {
		return nil, err
	}
	if s.Bug.Fixed != nil {
		if err := add(scenario.HalfFixed, "f", *s.Bug.Fixed); err != nil {
			return nil, err
		}
	}
	for _, extra := range []struct{ half, ending, version string }{{scenario.HalfPatched, "p", o.Patched}, {scenario.HalfTried, "t", o.Tried}} {
		if extra.version == "" {
			continue
		}
		spec := scenario.Half{What: s.Bug.Component + " " + extra.version, Version: extra.version, Set: s.Bug.Broken.Set}
		if err := add(extra.half, extra.ending, spec); err != nil {
			return nil, fmt.Errorf("%s: %w", spec.What, err)
		}
	}
	return all, nil
}

// Memory of a lab's parts, in bytes, as measured with the default lab (three nodes, two routers: 2.5 GiB) and rounded
// up.
const (
	nodeMemory = 1 << 30
	boxMemory  = 64 << 20
	reserve    = 2 << 30
)

// roomFor reports whether all halves fit into the available memory side by side.
func roomFor(halves []*half) bool {
	var need int64 = reserve
	for _, h := range halves {
		spec := &h.scenario.Spec
		need += int64(len(spec.NodeNames()))*nodeMemory + int64(len(spec.Routers)+len(spec.Clients)+2*len(spec.Containers))*boxMemory
	}
	return host.Available() >= need
}

func oneByOne(ctx context.Context, halves []*half) error {
	var errs []error
	for _, h := range halves {
		h.up(ctx)
		h.run(ctx)
		errs = append(errs, h.down(ctx))
	}
	return errors.Join(errs...)
}

// together brings the labs up one after the other, because a process brings up one lab at a time. Then together triggers
// in all labs at once.
func together(ctx context.Context, halves []*half) error {
	for _, h := range halves {
		h.up(ctx)
	}
	var all sync.WaitGroup
	for _, h := range halves {
		all.Go(func() { h.run(ctx) })
	}
	all.Wait()
	var errs []error
	for _, h := range halves {
		errs = append(errs, h.down(ctx))
	}
	return errors.Join(errs...)
}
