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

// action returns what makes the fault that a record describes.
func (in *Injector) action(r *record) (action, error) {
	f := r.Fault
	at, _ := find(in.plan, f.Node)
	switch f.Kind {
	case KindKill, KindStop, KindPause, KindRestart:
		return &run{in, at, f.Kind}, nil
	case KindKillProcess, KindPauseProcess:
		return &process{in: in, at: at, f: f}, nil
	case KindLinkDown, KindFlap:
		return &link{in, at, f}, nil
	case KindPartition, KindDrop, KindLoss, KindCutAPI:
		return &filter{in: in, at: at, f: f}, nil
	case KindRateLimit, KindLatency:
		return &queue{in: in, at: at, f: f}, nil
	case KindStaleNeighbor, KindWrongNeighbor:
		return &neighbor{in, at, f}, nil
	case KindBGPShut:
		return &shut{in: in, at: at, f: f}, nil
	case KindBGPClear, KindBGPSoftClear:
		return &reset{in: in, at: at, f: f}, nil
	case KindCordon, KindDrain:
		return &cordon{in, at, f}, nil
	case KindDeleteLease:
		return &leaseGone{in: in, f: f}, nil
	case KindScaleToZero:
		return &scale{in, f}, nil
	}
	return nil, fmt.Errorf("lab bug: fault kind %q is described and not made", f.Kind)
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
