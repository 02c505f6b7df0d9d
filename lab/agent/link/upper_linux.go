package link

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/wait"
)

// addUpper makes an interface on other interfaces of the same container. If an interface below is a link without the other
// end, the interface comes with this link.
func addUpper(ctx context.Context, e *docker.Engine, l plan.Link, x *end, below []string) (made bool, err error) {
	var lower []netlink.Link
	for _, device := range below {
		dev, err := x.awaitUp(ctx, e, device)
		if dev == nil || err != nil {
			return false, err
		}
		lower = append(lower, dev)
	}
	if err := x.LinkAdd(upper(l, lower)); err != nil {
		return false, fmt.Errorf("%s: %s: %w", x.Place.Name, l.Network.Words(), err)
	}
	if err := x.address(); err != nil {
		return false, fmt.Errorf("%s: %w", x.Place.Name, err)
	}
	return true, nil
}

// upper returns the interface of a link on other interfaces, with the MAC address of the address.
func upper(l plan.Link, lower []netlink.Link) netlink.Link {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex, attrs.MTU = l.Network.Name, lower[0].Attrs().Index, lower[0].Attrs().MTU
	if l.Network.MTU != 0 {
		attrs.MTU = l.Network.MTU
	}
	attrs.HardwareAddr = net.HardwareAddr(plan.HardwareAddr(l.Ends[0].Address))
	return &netlink.Vlan{LinkAttrs: attrs, VlanId: l.Network.VLAN.ID, VlanProtocol: netlink.VLAN_PROTOCOL_8021Q}
}

// fits reports whether an existing interface is what the plan says: the VLAN identifier, or the links of the bond.
func (x *end) fits(dev netlink.Link, n plan.Network) bool {
	switch {
	case n.VLAN != nil:
		vlan, is := dev.(*netlink.Vlan)
		return is && vlan.VlanId == n.VLAN.ID
	case n.Bond != nil:
		return x.bonded(dev, n)
	}
	return true
}

// awaitUp waits until an interface of a starting container has its name and is up. awaitUp returns nil if the interface is a
// missing link, or if the container has ended.
func (x *end) awaitUp(ctx context.Context, e *docker.Engine, device string) (dev netlink.Link, err error) {
	link := false
	for _, a := range x.Place.Networks {
		link = link || a.Link && x.Place.Device(a.Network) == device
	}
	gone := false
	named := wait.For{What: fmt.Sprintf("interface %s of %s is up", device, x.Place.Name), Within: namedWithin, Every: 50 * time.Millisecond}
	err = wait.Until(ctx, named, func(ctx context.Context) error {
		dev, err = x.LinkByName(device)
		gone = err != nil && (link || !runs(ctx, e, x.Place))
		switch {
		case gone:
			return nil
		case err != nil:
			return err
		case dev.Attrs().Flags&net.FlagUp == 0:
			return fmt.Errorf("it is down")
		}
		return nil
	})
	if gone || err != nil {
		return nil, err
	}
	return dev, nil
}
