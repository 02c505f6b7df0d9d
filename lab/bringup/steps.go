package bringup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/plan"
)

// Progress receives the progress of a bring-up. Calls come from several goroutines.
type Progress interface {
	Begin(step, what string)
	Note(step, text string)
	End(step string, took time.Duration, err error)
}

// action makes the parts of a step. An action must find existing parts and leave the parts alone, because a second walk
// over the same plan resumes the first walk.
type action func(ctx context.Context, note func(string)) error

// StepError names the step at which a bring-up stopped, and the next commands for the existing parts.
type StepError struct {
	Lab, Step string
	Err       error
	Scenario  string // the user's name or file of the scenario; empty: unknown
}

// Error names the step, the cause and the next commands.
func (e *StepError) Error() string {
	return fmt.Sprintf("lab %s: step %q: %v\nwhat was made stands: look with `skidpad status --name %s`, go on with `skidpad up %s --name %s`, or remove it with `skidpad down --name %s`",
		e.Lab, e.Step, e.Err, e.Lab, cmp.Or(e.Scenario, "SCENARIO"), e.Lab, e.Lab)
}

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Err }

// walk runs the steps side by side. Each step starts as soon as the steps before have ended. A step without an action
// was done before the walk. The first failure cancels the rest.
func walk(ctx context.Context, lab string, steps []plan.Step, actions map[string]action, p Progress) error {
	ended := map[string]chan struct{}{}
	for _, s := range steps {
		ended[s.Name] = make(chan struct{})
	}
	group, ctx := errgroup.WithContext(ctx)
	var once sync.Once
	var first error
	for _, s := range steps {
		if actions[s.Name] == nil { // done before the walk
			close(ended[s.Name])
			continue
		}
		group.Go(func() error {
			for _, before := range s.After {
				select {
				case <-ended[before]:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			err := run(ctx, s, actions[s.Name], p)
			if err != nil {
				once.Do(func() { first = &StepError{Lab: lab, Step: s.Name, Err: err} })
				return err
			}
			close(ended[s.Name])
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return errors.Join(first)
	}
	return nil
}

// run runs one step and reports the start, the end and the duration.
func run(ctx context.Context, s plan.Step, do action, p Progress) error {
	start := time.Now()
	p.Begin(s.Name, s.What)
	err := do(ctx, func(text string) { p.Note(s.Name, text) })
	p.End(s.Name, time.Since(start), err)
	return err
}
