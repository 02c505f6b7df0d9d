package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"

	"skidpad.dev/skidpad/lab/scenario"
)

// Renumber gives the node's link to Network another address of the same subnet, as a DHCP server or a restart of an engine may
// do. Static routes via the link stay; programs are not told. A node with one link needs no Network.
type Renumber struct {
	Node string `json:"renumber"`
	// Network is the network of the link.
	Network string `json:"network,omitempty"`
	// Address is the new address. It replaces the link's first address of the same IP family.
	Address string `json:"address" help:"the new address"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*Renumber) About() About {
	return About{What: "another address on its link to a network", Unbounded: "nothing tells the peers the new address"}
}

// Validate checks the node, the network and the form of the address.
func (f *Renumber) Validate(v *scenario.Validation, path string) {
	oneLink(v, path, "renumber", f.Node, f.Network)
	if a, err := netip.ParseAddr(f.Address); f.Address != "" && (err != nil || a.Is6() && !v.Spec().IPv6()) {
		v.Add(path+".address", "seen %q, want an address of the network: IPv4 or, in a lab with IPv6, IPv6", f.Address)
	}
}

// String describes the fault.
func (f *Renumber) String() string { return words(f, "renumber "+f.Node) }

func (f *Renumber) action(s spot) action {
	return &renumber{link{spot: s, network: f.Network}, f.Address}
}

// renumber replaces an address of a link.
type renumber struct {
	link
	address string
}

func (r *renumber) hold() string { return "address/" + r.at.home + "/" + r.device() }

// savedAddress is the replaced address, with the routes that the kernel drops with the address.
type savedAddress struct {
	Address string       `json:"address"` // with the prefix length
	Routes  []savedRoute `json:"routes,omitempty"`
}

// look returns the first address of the new address's family, and the routes. An address outside of the link's subnet is
// refused.
func (r *renumber) look(ctx context.Context) (json.RawMessage, error) {
	to, err := netip.ParseAddr(r.address)
	if err != nil {
		return nil, err
	}
	var saved savedAddress
	err = r.in.inside(ctx, r.at, func(ns *netns) error {
		saved, err = ns.addressFor(r.device(), to)
		return err
	})
	if err != nil {
		return nil, err
	}
	return encode(saved)
}

// addressFor returns the address that makes room for a new one.
func (n *netns) addressFor(device string, to netip.Addr) (savedAddress, error) {
	var saved savedAddress
	dev, err := n.LinkByName(device)
	if err != nil {
		return saved, fmt.Errorf("interface %s: %w", device, err)
	}
	family := syscall.AF_INET
	if to.Is6() {
		family = syscall.AF_INET6
	}
	list, err := n.AddrList(dev, family)
	if err != nil {
		return saved, fmt.Errorf("addresses of %s: %w", device, err)
	}
	for _, a := range list {
		if a.Scope != scopeUniverse {
			continue
		}
		if !a.Contains(to.AsSlice()) {
			return saved, fmt.Errorf("interface %s: seen the address %s for a link in %s, want an address of this subnet", device, to, a.IPNet)
		}
		routes, err := n.RouteListFiltered(family, &netlink.Route{LinkIndex: dev.Attrs().Index, Table: everyTable}, netlink.RT_FILTER_OIF|netlink.RT_FILTER_TABLE)
		if err != nil {
			return saved, fmt.Errorf("routes by %s: %w", device, err)
		}
		return savedAddress{a.IPNet.String(), ours(routes)}, nil
	}
	return saved, fmt.Errorf("interface %s: no address of the family of %s", device, to)
}

func (r *renumber) apply(ctx context.Context, raw json.RawMessage) error {
	return r.change(ctx, raw, func(saved *net.IPNet) (from, to *net.IPNet) {
		return saved, &net.IPNet{IP: netip.MustParseAddr(r.address).AsSlice(), Mask: saved.Mask}
	})
}

func (r *renumber) undo(ctx context.Context, raw json.RawMessage) error {
	return r.change(ctx, raw, func(saved *net.IPNet) (from, to *net.IPNet) {
		return &net.IPNet{IP: netip.MustParseAddr(r.address).AsSlice(), Mask: saved.Mask}, saved
	})
}

func (r *renumber) change(ctx context.Context, raw json.RawMessage, of func(saved *net.IPNet) (from, to *net.IPNet)) error {
	var saved savedAddress
	if err := decode(raw, &saved); err != nil {
		return err
	}
	was, err := netlink.ParseIPNet(saved.Address)
	if err != nil {
		return err
	}
	from, to := of(was)
	return r.in.inside(ctx, r.at, func(ns *netns) error { return ns.replace(r.device(), from, to, saved.Routes) })
}

// replace removes an address and adds another: with the first address of a subnet the kernel removes all others of the subnet,
// and the routes. A second call changes nothing.
func (n *netns) replace(device string, from, to *net.IPNet, routes []savedRoute) error {
	dev, err := n.LinkByName(device)
	if err != nil {
		return fmt.Errorf("interface %s: %w", device, err)
	}
	if err := n.AddrDel(dev, &netlink.Addr{IPNet: from}); err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) {
		return fmt.Errorf("interface %s: address %s: %w", device, from, err)
	}
	if err := n.AddrAdd(dev, &netlink.Addr{IPNet: to, Flags: noDAD}); err != nil && !errors.Is(err, syscall.EEXIST) {
		return fmt.Errorf("interface %s: address %s: %w", device, to, err)
	}
	for _, s := range routes {
		if s.Source == from.IP.String() {
			s.Source = to.IP.String()
		}
		route, err := s.route(dev.Attrs().Index)
		if err == nil {
			err = n.RouteReplace(route)
		}
		if err != nil {
			return fmt.Errorf("interface %s: route to %s: %w", device, s.Dst, err)
		}
	}
	return nil
}
