package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	vns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/agent/wire"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/wait"
)

// namedWithin bounds the wait for the interfaces of a new container, which get their names inside.
const namedWithin = 20 * time.Second

// making keeps the steps of a bring-up from making one link twice.
var making sync.Mutex

func makeAll(ctx context.Context, e *docker.Engine, p *plan.Plan) (changed []string, err error) {
	making.Lock()
	defer making.Unlock()
	for _, n := range p.Bridges() {
		if err := tune(n); err != nil {
			return nil, err
		}
	}
	for _, l := range p.Links() {
		made, err := makeLink(ctx, e, l)
		if err != nil {
			return nil, fmt.Errorf("link %s: %w", l.Network.Name, err)
		}
		for _, end := range l.Ends {
			if made {
				changed = append(changed, end.Place.Name)
			}
		}
	}
	if wire.Impaired(p) {
		err = impairAll(ctx, e, p, false)
	}
	return changed, err
}

// impairAll gives the running places the impairments of their networks. With again, impairments change.
func impairAll(ctx context.Context, e *docker.Engine, p *plan.Plan, again bool) error {
	return eachImpaired(ctx, e, p, func(x plan.Place, n wire.Namespace, ports []wire.Port) error {
		var there []wire.Port
		for _, port := range ports {
			named := wait.For{What: fmt.Sprintf("interface %s of %s", port.Device, x.Name), Within: namedWithin, Every: 50 * time.Millisecond}
			err := wait.Until(ctx, named, func(context.Context) error {
				_, err := n.LinkByName(port.Device)
				if err != nil && (port.Link || !port.Impaired() || !runs(ctx, e, x)) {
					return wait.Stop(err)
				}
				return err
			})
			switch {
			case err == nil:
				there = append(there, port)
			case ctx.Err() == nil && !runs(ctx, e, x):
				return nil
			case !port.Link && port.Impaired():
				return err
			} // the other end of a link comes later, and impairs both ends
		}
		return n.Impair(ctx, there, again)
	})
}

func runs(ctx context.Context, e *docker.Engine, x plan.Place) bool {
	_, err := e.Pid(ctx, x.Home)
	return err == nil
}

func missingImpairments(ctx context.Context, e *docker.Engine, p *plan.Plan) (all []string, err error) {
	err = eachImpaired(ctx, e, p, func(x plan.Place, n wire.Namespace, ports []wire.Port) error {
		missing, err := n.Missing(ports)
		for _, m := range missing {
			all = append(all, fmt.Sprintf("%s %s: %s", x.Kind, x.Name, m))
		}
		return err
	})
	return all, err
}

// eachImpaired calls do with each running place that has a namespace of its own. Gateways are in the namespaces of routers.
func eachImpaired(ctx context.Context, e *docker.Engine, p *plan.Plan, do func(plan.Place, wire.Namespace, []wire.Port) error) error {
	for _, x := range p.Places() {
		if x.Home != x.Container && x.Kind != node.KindContainer {
			continue
		}
		at, err := open(ctx, e, plan.LinkEnd{Place: x})
		if err != nil {
			return err
		}
		if at == nil {
			continue
		}
		err = do(x, wire.Namespace{Handle: at.Handle, NS: at.ns, PID: at.pid, Lab: p.Lab, Container: x.Home}, wire.Ports(p, x))
		at.close()
		if err != nil {
			return fmt.Errorf("impairments of %s: %w", x.Name, err)
		}
	}
	return nil
}

// tune sets multicast snooping and the querier of a bridge (ip-link(8), bridge), and flooding on its ports. The settings end
// with the bridge or the port.
func tune(n plan.Network) error {
	if !tuned(n) {
		return nil
	}
	bridge := filepath.Join("/sys/class/net", n.Bridge)
	settings := map[string]bool{filepath.Join(bridge, "bridge", "multicast_querier"): n.Querier}
	if n.Snooping != nil {
		settings[filepath.Join(bridge, "bridge", "multicast_snooping")] = *n.Snooping
	}
	if n.MulticastFlood != nil {
		ports, err := filepath.Glob(filepath.Join(bridge, "brif", "*"))
		if err != nil {
			return err
		}
		for _, port := range ports {
			settings[filepath.Join(port, "multicast_flood")] = *n.MulticastFlood
		}
	}
	for file, on := range settings {
		value := "0"
		if on {
			value = "1"
		}
		have, err := os.ReadFile(file)
		if err == nil && strings.TrimSpace(string(have)) == value || errors.Is(err, os.ErrNotExist) && strings.Contains(file, "/brif/") {
			continue // a port may leave meanwhile
		}
		if err := os.WriteFile(file, []byte(value), 0); err != nil {
			return fmt.Errorf("network %s: %s of its bridge: %w", n.Name, filepath.Base(file), err)
		}
	}
	return nil
}

// end is an open end of a link.
type end struct {
	*netlink.Handle
	ns  vns.NsHandle
	pid int
	plan.LinkEnd
}

func (x *end) close() {
	x.Close()
	_ = x.ns.Close()
}

// makeLink makes a link, unless the link exists or an end does not run.
func makeLink(ctx context.Context, e *docker.Engine, l plan.Link) (made bool, err error) {
	var ends []*end
	defer func() {
		for _, x := range ends {
			x.close()
		}
	}()
	there := map[*end]netlink.Link{}
	for _, planned := range l.Ends {
		x, err := open(ctx, e, planned)
		if x == nil || err != nil {
			return false, err
		}
		ends = append(ends, x)
		if dev, err := x.LinkByName(l.Network.Name); err == nil {
			there[x] = dev
		}
	}
	for x, dev := range there {
		if !x.fits(dev, l.Network) {
			if err := x.LinkDel(dev); err != nil {
				return false, fmt.Errorf("%s: interface %s is not %s: %w", x.Place.Name, l.Network.Name, l.Network.Words(), err)
			}
			delete(there, x)
		}
	}
	if len(there) == len(ends) {
		return false, nil
	}
	if below := l.Ends[0].Place.Below(l.Network); len(below) > 0 {
		return addUpper(ctx, e, l, ends[0], below)
	}
	// The other end is in the namespace of a container that ended: the kernel removes a namespace late.
	for x, dev := range there {
		if err := x.LinkDel(dev); err != nil && !errors.Is(err, unix.ENODEV) {
			return false, fmt.Errorf("%s: the remains of the link: %w", x.Place.Name, err)
		}
	}
	if err := addAny(l, ends); err != nil {
		return false, err
	}
	for _, x := range ends {
		if err := x.address(); err != nil {
			return false, fmt.Errorf("%s: %w", x.Place.Name, err)
		}
	}
	return true, nil
}

// open opens the namespace of an end; nil if the container does not run.
func open(ctx context.Context, e *docker.Engine, planned plan.LinkEnd) (*end, error) {
	pid, err := e.Pid(ctx, planned.Place.Home)
	if err != nil {
		return nil, ctx.Err()
	}
	ns, err := vns.GetFromPath(fmt.Sprintf("/proc/%d/ns/net", pid))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("network namespace of %s: %w", planned.Place.Name, err)
	}
	h, err := netlink.NewHandleAt(ns)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("network namespace of %s: %w", planned.Place.Name, err), ns.Close())
	}
	return &end{h, ns, pid, planned}, nil
}

// addAny makes the interfaces of a link, or of a bond.
func addAny(l plan.Link, ends []*end) error {
	if l.Network.Bond != nil {
		return addBond(l.Network, ends)
	}
	return add(l, ends)
}

// pairOf returns a pair of interfaces with a name at both ends.
func pairOf(n plan.Network, name string) *netlink.Veth {
	const defaultMTU = 1500
	pair := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: name}
	pair.Name, pair.MTU = name, defaultMTU
	if n.MTU != 0 {
		pair.MTU = n.MTU
	}
	return pair
}

// add makes the pair of interfaces, right inside of the namespaces.
func add(l plan.Link, ends []*end) error {
	pair := pairOf(l.Network, l.Network.Name)
	pair.PeerMTU = uint32(pair.MTU) //nolint:gosec // at most 65535
	pair.HardwareAddr, pair.Namespace = plan.HardwareAddr(ends[0].Address), netlink.NsFd(ends[0].ns)
	if len(ends) == 2 {
		pair.PeerHardwareAddr, pair.PeerNamespace = plan.HardwareAddr(ends[1].Address), netlink.NsFd(ends[1].ns)
		return netlink.LinkAdd(pair)
	}
	pair.PeerName = l.Port
	bridge, err := netlink.LinkByName(l.Network.Bridge)
	if err != nil {
		return fmt.Errorf("bridge %s: %w", l.Network.Bridge, err)
	}
	if err := netlink.LinkAdd(pair); err != nil {
		return err
	}
	port, err := netlink.LinkByName(l.Port)
	if err == nil {
		err = netlink.LinkSetMaster(port, bridge)
	}
	if err == nil {
		err = netlink.LinkSetUp(port)
	}
	return err
}

// address gives the end its addresses, and sets the end up.
func (x *end) address() error {
	dev, err := x.LinkByName(x.Network)
	if err != nil {
		return err
	}
	prefixes := []netip.Prefix{netip.PrefixFrom(x.Address, x.Bits)}
	if x.Address6.IsValid() {
		prefixes = append(prefixes, netip.PrefixFrom(x.Address6, x.Prefix6().Bits()))
	}
	for _, p := range prefixes {
		a := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
		if p.Addr().Is6() {
			a.Flags = unix.IFA_F_NODAD
		}
		if err := x.AddrReplace(dev, a); err != nil {
			return fmt.Errorf("address %s: %w", p, err)
		}
	}
	return x.LinkSetUp(dev)
}
