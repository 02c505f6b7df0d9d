package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
)

// Active is an injected fault. A fault of List may belong to another process.
type Active struct {
	record
	in   *Injector
	stop context.CancelFunc // ends the driver; nil for a fault of another process
	done chan struct{}      // closed when the fault is cleared or, after For, has undone itself
	err  error              // the error of the driver or of the undo after For; read after done is closed
}

// begin starts the timer and the driver of a fault in force.
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
		if ctx.Err() == nil { // not cleared meanwhile
			clearing, cancel := context.WithTimeout(context.Background(), undoWithin)
			defer cancel()
			a.err = errors.Join(a.err, in.clear(clearing, r.ID))
		}
	}()
	return a
}

// Clear undoes the fault and returns when the fault is undone. A second call, or a call after the fault has undone itself,
// does nothing. After Clear, a killed container runs again with its address and routes, and a router's daemon answers. The
// caller waits for BGP sessions, pods and Kubernetes nodes.
func (a *Active) Clear(ctx context.Context) error {
	if own := a.in.own(a.ID); own != nil {
		own.stop()
		select {
		case <-own.done: // the driver has ended, or the fault has undone itself
		case <-ctx.Done():
			return fmt.Errorf("fault %s: %w", a.ID, context.Cause(ctx))
		}
	}
	return a.in.clear(ctx, a.ID)
}

// own returns this process's fault with an ID, or nil.
func (in *Injector) own(id string) *Active {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.active[id]
}

// Wait returns when the fault is cleared or has undone itself, with the error of the undo. If ctx ends first, Wait clears the
// fault.
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

// Window returns the start and the end of the injection, by timeline.Now. The fault came into force between the two times.
func (a *Active) Window() (began, inForce int64) { return a.Began, a.Held }

// Injection returns the duration of the injection: the uncertainty of every time measured from the fault.
func (a *Active) Injection() time.Duration { return time.Duration(a.Held - a.Began) }

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
