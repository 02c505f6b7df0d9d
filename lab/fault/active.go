package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
)

// Active is a fault that was injected. Those of List may be another process's.
type Active struct {
	record
	in   *Injector
	stop context.CancelFunc // ends what drives it; nil for another process's
	done chan struct{}      // closed when it was cleared or, after For, has undone itself
	err  error              // of driving it or of undoing itself; to be read when done is closed
}

// begin starts what goes on while the fault is in force: its timer and what drives it.
func (in *Injector) begin(r *record, act action) *Active {
	ctx, stop := context.WithCancel(context.Background())
	a := &Active{record: *r, in: in, stop: stop, done: make(chan struct{})}
	in.mu.Lock()
	in.active[r.ID] = a
	in.mu.Unlock()
	d, drives := act.(driven)
	ends, _ := scenario.FaultOf(r.Fault.Fault).Lasts()
	if ends == 0 && !drives {
		context.AfterFunc(ctx, func() { close(a.done) })
		return a
	}
	go func() {
		defer close(a.done)
		running, cancel := ctx, context.CancelFunc(func() {})
		if ends > 0 {
			running, cancel = context.WithDeadline(ctx, r.Until)
		}
		defer cancel()
		if drives {
			a.err = d.drive(running)
		} else {
			<-running.Done()
		}
		if ctx.Err() == nil { // not cleared by somebody
			clearing, cancel := context.WithTimeout(context.Background(), undoWithin)
			defer cancel()
			a.err = errors.Join(a.err, in.clear(clearing, r.ID))
		}
	}()
	return a
}

// Clear undoes the fault and returns when it is undone. A second call, or one after it has undone itself, does nothing.
// A container that was killed runs again then, with its address and routes, and a router's daemon answers; that BGP
// sessions, pods or a Kubernetes node come back is for the caller to wait for.
func (a *Active) Clear(ctx context.Context) error {
	if own := a.in.own(a.ID); own != nil {
		own.stop()
		select {
		case <-own.done: // what drove it has ended, or it has undone itself
		case <-ctx.Done():
			return fmt.Errorf("fault %s: %w", a.ID, context.Cause(ctx))
		}
	}
	return a.in.clear(ctx, a.ID)
}

// own is the fault of this process with an ID, or nil.
func (in *Injector) own(id string) *Active {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.active[id]
}

// Wait returns when the fault was cleared, or has undone itself; the error is of that. When ctx ends first, it clears
// the fault.
func (a *Active) Wait(ctx context.Context) error {
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		clearing, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
		defer cancel()
		return a.Clear(clearing)
	}
}

// Window is between which moments, by timeline.Now, the fault came into force.
func (a *Active) Window() (began, inForce int64) { return a.Began, a.Held }

// Injection is how long making it took: what is measured from it is uncertain by as much.
func (a *Active) Injection() time.Duration { return time.Duration(a.Held - a.Began) }

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
