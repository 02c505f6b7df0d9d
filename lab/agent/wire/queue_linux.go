package wire

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Root returns the queue at an interface's root, or nil.
func Root(n *netlink.Handle, device string) (netlink.Link, netlink.Qdisc, error) {
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

// Send makes an interface's queue: tbf at the root for the rate, and netem for the delay, below tbf or at the root.
func Send(n *netlink.Handle, device string, want Sending) error {
	dev, root, err := Root(n, device)
	if err != nil {
		return err
	}
	if root != nil && Ours(root) {
		if err := n.QdiscDel(root); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("queue of %s: removing it: %w", device, err)
		}
	}
	at := netlink.QdiscAttrs{LinkIndex: dev.Attrs().Index, Handle: netlink.MakeHandle(rootHandle, 0), Parent: netlink.HANDLE_ROOT}
	if want.Rate > 0 {
		// The burst is at least 10 ms of traffic, with room for a full packet before segmentation.
		burst := uint32(max(want.Rate/100, 3200))
		tbf := &netlink.Tbf{QdiscAttrs: at, Rate: want.Rate, Buffer: netlink.Xmittime(want.Rate, burst), Limit: burst + uint32(want.Rate/20)}
		if err := n.QdiscAdd(tbf); err != nil {
			return fmt.Errorf("queue of %s: tbf: %w", device, err)
		}
		at.Parent, at.Handle = netlink.MakeHandle(rootHandle, 1), netlink.MakeHandle(rootHandle+1, 0)
	}
	if want.Delay > 0 || want.Corrupt > 0 {
		netem := netlink.NewNetem(at, netlink.NetemQdiscAttrs{
			Latency: uint32(want.Delay.Microseconds()), Jitter: uint32(want.Jitter.Microseconds()), Limit: 100_000,
			CorruptProb: float32(want.Corrupt), ReorderProb: float32(want.Reorder),
		})
		if err := n.QdiscAdd(netem); err != nil {
			return fmt.Errorf("queue of %s: netem: %w", device, err)
		}
	}
	return nil
}
