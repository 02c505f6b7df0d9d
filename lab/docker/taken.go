package docker

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// use is a prefix in use, with a phrase that names the user.
type use struct {
	prefix netip.Prefix
	by     string
}

// Taken lists the prefixes that a new network must not overlap: the host's routes in all tables (without
// default routes, loopback, link-local and multicast) and the subnets of all the engine's networks. The list
// is sorted, and no prefix lies within another.
func (e *Engine) Taken(ctx context.Context) ([]netip.Prefix, error) {
	uses, err := e.uses(ctx)
	if err != nil {
		return nil, err
	}
	prefixes := make([]netip.Prefix, 0, len(uses))
	for _, u := range uses {
		prefixes = append(prefixes, u.prefix)
	}
	return widest(prefixes), nil
}

// widest sorts prefixes and drops prefixes that lie within another.
func widest(prefixes []netip.Prefix) []netip.Prefix {
	sorted := slices.Clone(prefixes)
	slices.SortFunc(sorted, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	kept := sorted[:0]
	for _, p := range sorted {
		// In this order, a prefix that contains p can only be the last kept prefix.
		if len(kept) == 0 || !kept[len(kept)-1].Overlaps(p) {
			kept = append(kept, p)
		}
	}
	return kept
}

// uses lists the prefixes of Taken separately, networks first: a network's name is more informative than its
// route.
func (e *Engine) uses(ctx context.Context) ([]use, error) {
	list, err := e.Client.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return nil, fmt.Errorf("engine: listing networks: %w", err)
	}
	uses := networkUses(list.Items)
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		routes, err := netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
		if err != nil {
			return nil, fmt.Errorf("host: listing its routes: %w", err)
		}
		uses = append(uses, routeUses(routes, linkName)...)
	}
	return uses, nil
}

func networkUses(networks []network.Summary) []use {
	var uses []use
	for _, n := range networks {
		by := "the engine's network " + n.Name
		if lab := n.Labels[LabelLab]; lab != "" {
			by += " of lab " + lab
		}
		for _, c := range n.IPAM.Config {
			if c.Subnet.IsValid() {
				uses = append(uses, use{c.Subnet.Masked(), by})
			}
		}
	}
	return uses
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
