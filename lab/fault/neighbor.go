package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink"

	"skidpad.dev/skidpad/lab/plan"
)

// familyOf returns the address family in netlink's numbers.
func familyOf(a net.IP) int {
	if a.To4() != nil {
		return syscall.AF_INET
	}
	return syscall.AF_INET6
}

// nobody returns a MAC of no container: locally administered, and without the engine's prefix 02:42.
func nobody() net.HardwareAddr { return net.HardwareAddr{0x02, 0xde, 0xad, 0xbe, 0xef, 0x01} }

// neighbor changes a single entry of a neighbour table.
type neighbor struct {
	spot
	network, peer string
	state         int // the state of the wrong entry
}

func (n *neighbor) hold() string { return "neighbor/" + n.at.home + "/" + n.network + "/" + n.peer }

// savedNeighbor is the key of the entry. If a program had made the entry, savedNeighbor also has the old content, because the
// kernel cannot learn the content again by itself.
type savedNeighbor struct {
	Network  string     `json:"network"`
	Address  netip.Addr `json:"address"`
	MAC      string     `json:"mac,omitempty"`
	State    int        `json:"state,omitempty"`
	Flags    int        `json:"flags,omitempty"`
	FlagsExt int        `json:"flagsExt,omitempty"`
}

func (n *neighbor) look(ctx context.Context) (json.RawMessage, error) {
	network, address, err := n.in.addressOf(ctx, n.at, n.network, n.peer)
	if err != nil {
		return nil, err
	}
	saved := savedNeighbor{Network: network, Address: address}
	err = n.with(ctx, saved, func(ns *netns, index int) error {
		e, err := ns.entry(index, address.AsSlice())
		if err != nil || e == nil {
			return err
		}
		if e.State&neighborPermanent != 0 || e.Flags&neighborLearned != 0 {
			saved.MAC, saved.State, saved.Flags, saved.FlagsExt = e.HardwareAddr.String(), e.State, e.Flags, e.FlagsExt
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return encode(saved)
}

func (n *neighbor) apply(ctx context.Context, raw json.RawMessage) error {
	var saved savedNeighbor
	if err := decode(raw, &saved); err != nil {
		return err
	}
	return n.with(ctx, saved, func(ns *netns, index int) error {
		address := net.IP(saved.Address.AsSlice())
		// A replaced entry keeps the mark of an agent. Therefore the agent's entry is deleted first.
		if err := ns.forget(index, address); err != nil {
			return err
		}
		e := &netlink.Neigh{LinkIndex: index, Family: familyOf(address), State: n.state, IP: address, HardwareAddr: nobody()}
		if err := ns.NeighSet(e); err != nil {
			return fmt.Errorf("neighbour %s: %w", address, err)
		}
		return nil
	})
}

// undo deletes the wrong entry, and sets the saved entry again, if any. Without a saved entry, the kernel asks for the
// neighbour again. An entry with another MAC than ours stays.
func (n *neighbor) undo(ctx context.Context, raw json.RawMessage) error {
	var saved savedNeighbor
	if err := decode(raw, &saved); err != nil {
		return err
	}
	return n.with(ctx, saved, func(ns *netns, index int) error {
		address := net.IP(saved.Address.AsSlice())
		e, err := ns.entry(index, address)
		if err != nil {
			return err
		}
		if e != nil && !slices.Equal(e.HardwareAddr, nobody()) {
			return nil
		}
		if err := ns.forget(index, address); err != nil || saved.MAC == "" {
			return err
		}
		mac, err := net.ParseMAC(saved.MAC)
		if err != nil {
			return err
		}
		back := &netlink.Neigh{LinkIndex: index, Family: familyOf(address), State: saved.State, Flags: saved.Flags, FlagsExt: saved.FlagsExt, IP: address, HardwareAddr: mac}
		if err := ns.NeighSet(back); err != nil {
			return fmt.Errorf("neighbour %s: putting it back: %w", address, err)
		}
		return nil
	})
}

// with calls do in the place's namespace.
func (n *neighbor) with(ctx context.Context, saved savedNeighbor, do func(ns *netns, index int) error) error {
	return n.in.inside(ctx, n.at, func(ns *netns) error {
		dev, err := ns.LinkByName(n.at.device(saved.Network))
		if err != nil {
			return fmt.Errorf("interface %s: %w", n.at.device(saved.Network), err)
		}
		return do(ns, dev.Attrs().Index)
	})
}

// entry returns the neighbour table's entry of an address, or nil.
func (n *netns) entry(index int, address net.IP) (*netlink.Neigh, error) {
	list, err := n.NeighList(index, familyOf(address))
	if err != nil {
		return nil, fmt.Errorf("neighbour table: %w", err)
	}
	for i := range list {
		if list[i].IP.Equal(address) {
			return &list[i], nil
		}
	}
	return nil, nil
}

func (n *netns) forget(index int, address net.IP) error {
	err := n.NeighDel(&netlink.Neigh{LinkIndex: index, Family: familyOf(address), IP: address})
	if err != nil && !errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("neighbour %s: %w", address, err)
	}
	return nil
}

// addressOf finds a peer's address from the view of a place, and the network of the address.
func (in *Injector) addressOf(ctx context.Context, from place, network, peer string) (string, netip.Addr, error) {
	for _, n := range from.on(network) {
		a, err := in.addressOn(ctx, n, peer)
		if err != nil {
			return "", a, err
		}
		if a.IsValid() {
			return n, a, nil
		}
	}
	return "", netip.Addr{}, fmt.Errorf("peer %s: no address of it is on a network of %s (%v)", peer, from.name, from.on(network))
}

// linked returns a place's addresses on a network with an interface that skidpad made. The engine does not know these
// addresses.
func (in *Injector) linked(name, network string) (v4, v6 netip.Addr, ok bool) {
	x, _ := in.plan.Places().Find(name)
	for _, a := range x.Networks {
		if a.Network == network && a.Link {
			return a.Address, a.Address6, true
		}
	}
	return v4, v6, false
}

// addressOn finds a peer's address on a network: the IPv4 address if the lab routes IPv4. The address is invalid if the peer
// has no address on the network.
func (in *Injector) addressOn(ctx context.Context, network, peer string) (netip.Addr, error) {
	at := slices.IndexFunc(in.plan.Networks, func(n plan.Network) bool { return n.Name == network })
	if at < 0 {
		return netip.Addr{}, nil
	}
	net := in.plan.Networks[at]
	if a, err := netip.ParseAddr(peer); err == nil {
		if net.Subnet.Contains(a) || net.Subnet6.Contains(a) {
			return a, nil
		}
		return netip.Addr{}, nil
	}
	for _, g := range in.plan.Gateways {
		for _, a := range g.Addresses {
			if g.Name == peer && a.Network == network {
				return in.first(a.Address, a.Address6), nil
			}
		}
	}
	x, ok := find(in.plan, peer)
	if !ok {
		return netip.Addr{}, nil
	}
	if v4, v6, ok := in.linked(peer, network); ok {
		return in.first(v4, v6), nil
	}
	have, err := in.inspect(ctx, x.home)
	if err != nil {
		return netip.Addr{}, err
	}
	ep := endpointsOf(have)[net.Docker]
	return in.first(ep.Address, ep.Address6), nil
}

// first returns the destination of packets: the IPv4 address if the lab routes IPv4, else the IPv6 address.
func (in *Injector) first(v4, v6 netip.Addr) netip.Addr {
	if in.plan.Scenario != nil && !in.plan.Scenario.Spec.IPv4() {
		return v6
	}
	return v4
}

func parseIP(s string) net.IP {
	if s == "" {
		return nil
	}
	return net.ParseIP(s)
}
