package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"

	"skidpad.dev/skidpad/lab/agent/wire"
)

// queue changes the rate or the delay of an interface. All faults of this type on an interface share a queue, with the lowest
// rate and the sum of the delays.
type queue struct {
	spot
	network string
}

// queueing is a fault with a part in the queue of an interface.
type queueing interface {
	queues(network string, s *sending)
}

// sending is the wanted rate and delay of an interface.
type sending = wire.Sending

func (q *queue) hold() string { return "queue/" + q.at.home }

// look refuses an interface with a queue of another program, because undo cannot restore the queue.
func (q *queue) look(ctx context.Context) (json.RawMessage, error) {
	return nil, q.in.inside(ctx, q.at, func(ns *netns) error {
		for _, n := range q.at.on(q.network) {
			dev, root, err := wire.Root(ns.Handle, q.at.device(n))
			if err != nil {
				return err
			}
			if root != nil && root.Type() != "noqueue" && root.Attrs().Handle != 0 && !wire.Ours(root) {
				return fmt.Errorf("interface %s has a queue of kind %s already, wanted is none", dev.Attrs().Name, root.Type())
			}
		}
		return nil
	})
}

func (q *queue) apply(ctx context.Context, _ json.RawMessage) error {
	return q.rebuild(ctx)
}

func (q *queue) undo(ctx context.Context, _ json.RawMessage) error { return q.rebuild(ctx) }

// rebuild gives each interface of the place a queue for all faults in force.
func (q *queue) rebuild(ctx context.Context) error {
	records, err := q.in.store.others(q.hold(), "")
	if err != nil {
		return err
	}
	return q.in.inside(ctx, q.at, func(ns *netns) error {
		queued, err := wire.Delays(ns.ns)
		if err != nil {
			return err
		}
		for _, n := range q.at.networks {
			want := wire.Of(q.in.plan, n, queued) // the impairments of the network stay
			for _, r := range records {
				if f, ok := r.Fault.Fault.(queueing); ok && r.State != Clearing {
					f.queues(n, &want)
				}
			}
			if err := wire.Send(ns.Handle, q.at.device(n), want); err != nil {
				return q.explain(err)
			}
		}
		return nil
	})
}

// explain names the missing kernel option if the kernel does not know the queue's type.
func (q *queue) explain(err error) error {
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EOPNOTSUPP) {
		return &Skipped{q.of, q.of.About().Requires, err}
	}
	return err
}
