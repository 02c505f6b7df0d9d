package link

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/plan"
)

// addBond makes the links of a bond, and the bond at each end. The remains of an earlier bond go first: a link is gone at both
// ends when one end's container ends.
func addBond(n plan.Network, ends []*end) error {
	for _, x := range ends {
		for _, name := range n.BondLinks() {
			if dev, err := x.LinkByName(name); err == nil {
				if err := x.LinkDel(dev); err != nil && !errors.Is(err, unix.ENODEV) {
					return fmt.Errorf("%s: the remains of link %s: %w", x.Place.Name, name, err)
				}
			}
		}
	}
	for _, name := range n.BondLinks() {
		pair := pairOf(n, name)
		pair.PeerMTU = uint32(pair.MTU) //nolint:gosec // at most 65535
		pair.Namespace, pair.PeerNamespace = netlink.NsFd(ends[0].ns), netlink.NsFd(ends[1].ns)
		if err := netlink.LinkAdd(pair); err != nil {
			return fmt.Errorf("link %s: %w", name, err)
		}
	}
	for _, x := range ends {
		if err := x.bond(n); err != nil {
			return fmt.Errorf("%s: bond %s: %w", x.Place.Name, n.Name, err)
		}
	}
	return nil
}

// bond makes the bond of an end, and gives the bond the links. The kernel sets each link up.
func (x *end) bond(n plan.Network) error {
	if err := x.LinkAdd(bondOf(n, plan.HardwareAddr(x.Address))); err != nil {
		return err
	}
	dev, err := x.LinkByName(n.Name)
	if err != nil {
		return err
	}
	for _, name := range n.BondLinks() {
		link, err := x.LinkByName(name)
		if err == nil {
			err = x.LinkSetMaster(link, dev)
		}
		if err != nil {
			return fmt.Errorf("link %s: %w", name, err)
		}
	}
	return nil
}

// bondOf returns the bond of a network with a MAC address. LACP's packets are sent each second (lacp_rate fast).
func bondOf(n plan.Network, mac net.HardwareAddr) *netlink.Bond {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = n.Name, pairOf(n, n.Name).MTU, mac
	b := netlink.NewLinkBond(attrs)
	b.Mode = netlink.StringToBondMode(string(n.Bond.Mode))
	b.Miimon = int(n.Bond.MIIMon.Std() / time.Millisecond)
	switch b.Mode {
	case netlink.BOND_MODE_802_3AD:
		b.LacpRate = netlink.BOND_LACP_RATE_FAST
		b.XmitHashPolicy = netlink.StringToBondXmitHashPolicy(n.Bond.XmitHashPolicy)
	case netlink.BOND_MODE_BALANCE_XOR, netlink.BOND_MODE_BALANCE_TLB:
		b.XmitHashPolicy = netlink.StringToBondXmitHashPolicy(n.Bond.XmitHashPolicy)
	}
	return b
}

// bonded reports whether an interface is the bond of a network, with all links.
func (x *end) bonded(dev netlink.Link, n plan.Network) bool {
	b, is := dev.(*netlink.Bond)
	if !is || b.Mode != netlink.StringToBondMode(string(n.Bond.Mode)) {
		return false
	}
	for _, name := range n.BondLinks() {
		link, err := x.LinkByName(name)
		if err != nil || link.Attrs().MasterIndex != b.Index {
			return false
		}
	}
	return true
}
