// Package wait holds the only polling loop of the tree: Until waits for a condition, Sleep lets time pass.
package wait

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// For describes a wait.
type For struct {
	What   string        // the awaited condition, for the error: "router r1 answers"
	Within time.Duration // the deadline; 0: only the context's
	Every  time.Duration // the pause between two tries; 0: 100 ms
	// Each limits one try. If Each is set, a try begun before the deadline may end after the deadline; otherwise the
	// deadline ends the try.
	Each time.Duration
}

// Error reports a wait that ended without its condition.
type Error struct {
	What  string
	After time.Duration // duration of the wait
	Last  error         // the last observation
	Err   error         // the reason for the end: context.DeadlineExceeded, or the cause of the caller's context
	// Overdue reports whether the wait's own deadline passed; otherwise the caller's context ended.
	Overdue bool
}

// Error returns the condition, the duration, the reason and the last observation.
func (e *Error) Error() string {
	if e.Overdue {
		return fmt.Sprintf("%s: not after %s; last seen: %v", e.What, e.After.Round(time.Millisecond), e.Last)
	}
	return fmt.Sprintf("%s: not after %s: %v; last seen: %v", e.What, e.After.Round(time.Millisecond), e.Err, e.Last)
}

// Unwrap returns the reason and the last observation.
func (e *Error) Unwrap() []error { return []error{e.Err, e.Last} }

// stop is an error that ends a wait.
type stop struct{ error }

func (s stop) Unwrap() error { return s.error }

// Stop marks the error of a try as final: Until returns err with the awaited condition and does not try again.
func Stop(err error) error { return stop{err} }

// Until calls try, at once and then after each pause, until try succeeds. If the deadline passes or ctx ends, Until returns
// an *Error with the last error of a try not interrupted by that end, because only such a try made an observation.
func Until(ctx context.Context, f For, try func(context.Context) error) error {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if f.Within > 0 {
		limited, cancel = context.WithTimeout(ctx, f.Within)
	}
	defer cancel()
	began := time.Now()
	var seen error
	for {
		err := f.once(ctx, limited, try)
		if err == nil {
			return nil
		}
		if final := (stop{}); errors.As(err, &final) {
			return fmt.Errorf("%s: %w", f.What, final.error)
		}
		if seen == nil || limited.Err() == nil || f.Each > 0 && ctx.Err() == nil {
			seen = err
		}
		if Sleep(limited, cmp.Or(f.Every, 100*time.Millisecond)) != nil {
			return &Error{What: f.What, After: time.Since(began), Last: seen, Err: context.Cause(limited), Overdue: ctx.Err() == nil}
		}
	}
}

// once calls try with the try's own time limit.
func (f For) once(ctx, limited context.Context, try func(context.Context) error) error {
	if f.Each == 0 {
		return try(limited)
	}
	ctx, cancel := context.WithTimeout(ctx, f.Each)
	defer cancel()
	return try(ctx)
}

// Sleep lets d pass. If ctx ends first, or has ended, Sleep returns the cause.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
