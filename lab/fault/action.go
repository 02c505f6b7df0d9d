package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// action makes one fault and takes it back. It acts on what it holds: two faults with one hold overlap, and the hold
// is put back when the last of them goes, in whatever order.
type action interface {
	// hold names what is changed: link/r1/fabric.
	hold() string
	// look returns what undo must know of the time before; nil is nothing. It changes nothing.
	look(ctx context.Context) (json.RawMessage, error)
	// apply makes the fault. It may find it made.
	apply(ctx context.Context, saved json.RawMessage) error
	// undo puts back what was. It may find that done, or that what it changed is gone with its container.
	undo(ctx context.Context, saved json.RawMessage) error
}

// driven is an action that goes on while the fault is in force.
type driven interface {
	// drive runs until ctx ends, and returns early only with an error.
	drive(ctx context.Context) error
}

// errGone says that a container does not run, and what was changed in its namespaces is gone with them.
var errGone = errors.New("its container does not run")

// action returns the action of a record's fault.
func (in *Injector) action(r *record) (action, error) {
	if r.Fault.Fault == nil {
		return nil, fmt.Errorf("this version of skidpad has no fault %q; undo the fault with the version that made the fault, or take the lab down", r.Fault.kind)
	}
	at, _ := find(in.plan, r.Fault.Node())
	return r.Fault.action(spot{in: in, at: at, id: r.ID, of: r.Fault}), nil
}

// nothingToSave is the look of actions whose undo needs no memory.
type nothingToSave struct{}

func (nothingToSave) look(context.Context) (json.RawMessage, error) { return nil, nil }

// encode and decode are what was saved, as a record keeps it.
func encode(v any) (json.RawMessage, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("lab bug: what a fault saves cannot be written: %w", err)
	}
	return b, nil
}

func decode(saved json.RawMessage, v any) error {
	if len(saved) == 0 {
		return nil
	}
	if err := json.Unmarshal(saved, v); err != nil {
		return fmt.Errorf("what the fault saved cannot be read: %w", err)
	}
	return nil
}
