package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
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

// rootHandle is the handle of our queues: 5d:.
const rootHandle = 0x5d

func (q *queue) hold() string { return "queue/" + q.at.home }

// look refuses an interface with a queue of another program, because undo cannot restore the queue.
func (q *queue) look(ctx context.Context) (json.RawMessage, error) {
	return nil, q.in.inside(ctx, q.at, func(ns *netns) error {
		for _, n := range q.at.on(q.network) {
			dev, root, err := ns.root(q.at.device(n))
			if err != nil {
				return err
			}
			if root != nil && root.Type() != "noqueue" && root.Attrs().Handle != 0 {
				return fmt.Errorf("interface %s has a queue of kind %s already, wanted is none", dev.Attrs().Name, root.Type())
			}
		}
		return nil
	})
}

// root returns the queue at an interface's root, or nil.
func (n *netns) root(device string) (netlink.Link, netlink.Qdisc, error) {
	dev, err := n.LinkByName(device)
	if err != nil {
		return nil, nil, fmt.Errorf("interface %s: %w", device, err)
	}
	list, err := n.QdiscList(dev)
	if err != nil {
		return nil, nil, fmt.Errorf("queues of %s: %w", device, err)
	}
	for _, q := range list {
		if q.Attrs().Parent == netlink.HANDLE_ROOT {
			return dev, q, nil
		}
	}
	return dev, nil, nil
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
		for _, n := range q.at.networks {
			var want sending
			for _, r := range records {
				if f, ok := r.Fault.Fault.(queueing); ok && r.State != Clearing {
					f.queues(n, &want)
				}
			}
			if err := ns.send(q.at.device(n), want); err != nil {
				return q.explain(err)
			}
		}
		return nil
	})
}

// explain names the missing kernel option if the kernel does not know the queue's type.
func (q *queue) explain(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) {
		return &Skipped{q.of, q.of.About().Requires, err}
	}
	return err
}

// sending is the wanted rate and delay of an interface; the zero value is an interface without a fault.
type sending struct {
	rate          uint64 // bytes a second; 0 is unlimited
	delay, jitter time.Duration
	// corrupt and reorder are shares of packets in per cent.
	corrupt, reorder float64
}

// send makes an interface's queue: tbf at the root for the rate, and netem for the delay, below tbf or at the root.
func (n *netns) send(device string, want sending) error {
	dev, root, err := n.root(device)
	if err != nil {
		return err
	}
	if root != nil && root.Attrs().Handle>>16 == rootHandle {
		if err := n.QdiscDel(root); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("queue of %s: removing it: %w", device, err)
		}
	}
	at := netlink.QdiscAttrs{LinkIndex: dev.Attrs().Index, Handle: netlink.MakeHandle(rootHandle, 0), Parent: netlink.HANDLE_ROOT}
	if want.rate > 0 {
		// The burst is at least 10 ms of traffic, with room for a full packet before segmentation.
		burst := uint32(max(want.rate/100, 3200))
		tbf := &netlink.Tbf{QdiscAttrs: at, Rate: want.rate, Buffer: netlink.Xmittime(want.rate, burst), Limit: burst + uint32(want.rate/20)}
		if err := n.QdiscAdd(tbf); err != nil {
			return fmt.Errorf("queue of %s: tbf: %w", device, err)
		}
		at.Parent, at.Handle = netlink.MakeHandle(rootHandle, 1), netlink.MakeHandle(rootHandle+1, 0)
	}
	if want.delay > 0 || want.corrupt > 0 {
		netem := netlink.NewNetem(at, netlink.NetemQdiscAttrs{
			Latency: uint32(want.delay.Microseconds()), Jitter: uint32(want.jitter.Microseconds()), Limit: 100_000,
			CorruptProb: float32(want.corrupt), ReorderProb: float32(want.reorder),
		})
		if err := n.QdiscAdd(netem); err != nil {
			return fmt.Errorf("queue of %s: netem: %w", device, err)
		}
	}
	return nil
}
