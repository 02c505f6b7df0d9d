package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
	vns "github.com/vishvananda/netns"
)

// netns is a container's network namespace. The host works in the namespace, and images therefore need no programs for
// faults.
type netns struct {
	*netlink.Handle
	ns vns.NsHandle
}

// inside calls do with the network namespace of a place. If the container does not run, the error is errGone.
func (in *Injector) inside(ctx context.Context, at place, do func(*netns) error) error {
	have, err := in.inspect(ctx, at.home)
	if err != nil {
		return err
	}
	if !have.State.Running || have.State.Pid <= 0 {
		return fmt.Errorf("container %s is %s: %w", at.home, have.State.Status, errGone)
	}
	ns, err := vns.GetFromPath(fmt.Sprintf("/proc/%d/ns/net", have.State.Pid))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("container %s has just ended: %w", at.home, errGone)
	}
	if err != nil {
		return fmt.Errorf("network namespace of %s: %w; faults need root on the host", at.name, err)
	}
	defer func() { _ = ns.Close() }()
	if err := notOurs(ns); err != nil {
		return fmt.Errorf("network namespace of %s: %w", at.name, err)
	}
	return enter(ns, do)
}

// notOurs keeps faults away from the namespace of this process, the host's namespace.
func notOurs(ns vns.NsHandle) error {
	own, err := vns.GetFromPath("/proc/self/ns/net")
	if err != nil {
		return err
	}
	defer func() { _ = own.Close() }()
	if own.Equal(ns) {
		return errors.New("lab bug: it is the one that this process is in; nothing was touched")
	}
	return nil
}

// enter opens the namespace for do.
func enter(ns vns.NsHandle, do func(*netns) error) error {
	handle, err := netlink.NewHandleAt(ns)
	if err != nil {
		return fmt.Errorf("netlink in the namespace: %w; faults need root on the host", err)
	}
	defer handle.Close()
	return do(&netns{handle, ns})
}

// mac returns an interface's hardware address.
func (n *netns) mac(device string) (net.HardwareAddr, error) {
	l, err := n.LinkByName(device)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", device, err)
	}
	return l.Attrs().HardwareAddr, nil
}
