package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// action makes and undoes a fault. An action changes only the action's hold. Two faults with the same hold overlap; the last
// fault to go, in any order, restores the hold.
type action interface {
	// hold names the changed thing: link/r1/fabric.
	hold() string
	// look returns the state that undo restores; nil if undo needs no state. look changes nothing.
	look(ctx context.Context) (json.RawMessage, error)
	// apply makes the fault. The fault may be in force already.
	apply(ctx context.Context, saved json.RawMessage) error
	// undo restores the saved state. The state may be restored already, or be gone together with the container.
	undo(ctx context.Context, saved json.RawMessage) error
}

// driven is an action that goes on while the fault is in force.
type driven interface {
	// drive runs until ctx ends, and returns early only with an error.
	drive(ctx context.Context) error
}

// errGone reports a container that does not run. Changes in the container's namespaces are gone with the namespaces.
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

// encode and decode convert the saved state to and from the form in a record.
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
