package docker

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// hostUses lists the prefixes of this machine's routes.
func hostUses() ([]use, error) {
	var uses []use
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		routes, err := netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
		if err != nil {
			return nil, fmt.Errorf("host: listing its routes: %w", err)
		}
		uses = append(uses, routeUses(routes, linkName)...)
	}
	return uses, nil
}

// freeLink reports whether this machine has no interface of a name. A bridge without ports is removed: an engine that was
// killed while it made a network has left the bridge.
func freeLink(name string) bool {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return true
	}
	all, err := netlink.LinkList()
	port := func(l netlink.Link) bool { return l.Attrs().MasterIndex == link.Attrs().Index }
	if err != nil || link.Type() != "bridge" || slices.ContainsFunc(all, port) {
		return false
	}
	return netlink.LinkDel(link) == nil
}

// portsOf returns a function for the time after the removal of a bridge: it removes the bridge's ports that are still there.
// A killed router's TCP connection over a link that is down has no owner, and retries for 100 s (tcp_orphan_retries, tcp(7)).
// The kernel keeps the router's namespace meanwhile, with interfaces that the engine cannot find by their new names.
func portsOf(bridge string) (remove func()) {
	ports := map[int]string{}
	if link, err := netlink.LinkByName(bridge); err == nil {
		all, _ := netlink.LinkList() // without a list, the kernel removes the ports later
		for _, l := range all {
			if l.Attrs().MasterIndex == link.Attrs().Index && l.Type() == "veth" {
				ports[l.Attrs().Index] = l.Attrs().Name
			}
		}
	}
	return func() {
		for index, name := range ports {
			if l, err := netlink.LinkByIndex(index); err == nil && l.Attrs().Name == name && l.Attrs().MasterIndex == 0 {
				_ = netlink.LinkDel(l) // the namespace may have ended just now
			}
		}
	}
}

func routeUses(routes []netlink.Route, link func(index int) string) []use {
	var uses []use
	for _, r := range routes {
		p, ok := prefixOf(r.Dst)
		if !ok || p.Bits() == 0 || !routable(p.Addr()) {
			continue
		}
		by := "the host's route " + p.String()
		if r.LinkIndex != 0 {
			by += " by " + link(r.LinkIndex)
		}
		uses = append(uses, use{p, by})
	}
	return uses
}

func prefixOf(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	addr, ok := netip.AddrFromSlice(n.IP)
	if !ok {
		return netip.Prefix{}, false
	}
	ones, _ := n.Mask.Size()
	p := netip.PrefixFrom(addr.Unmap(), ones)
	return p.Masked(), p.IsValid()
}

// routable reports whether a lab's network could use an address, so that the address could clash.
func routable(a netip.Addr) bool {
	return !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

func linkName(index int) string {
	l, err := netlink.LinkByIndex(index)
	if err != nil {
		return fmt.Sprintf("interface %d", index)
	}
	return l.Attrs().Name
}
