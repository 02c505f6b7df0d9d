package fault

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"

	"skidpad.dev/skidpad/lab/scenario"
)

// link takes an interface down.
type link struct {
	spot
	network string
	number  int // of a link of the network's bond; 0: the interface of the network
}

// linkWithin bounds the wait for a link's carrier.
const linkWithin = 5 * time.Second

func (l *link) device() string {
	if l.number > 0 {
		return scenario.Network{Name: l.network}.LinkName(l.number)
	}
	return l.at.device(l.at.on(l.network)[0])
}

func (l *link) hold() string { return "link/" + l.at.home + "/" + l.device() }

// savedRoute is a route that the kernel drops with the link. No program in the namespace sets the route again.
type savedRoute struct {
	Dev      string `json:"dev,omitempty"` // a sub-interface, which goes down with the link; empty is the link
	Dst      string `json:"dst,omitempty"` // empty is the default route
	Gateway  string `json:"gateway,omitempty"`
	Source   string `json:"source,omitempty"`
	Scope    int    `json:"scope,omitempty"`
	Table    int    `json:"table,omitempty"`
	Protocol int    `json:"protocol,omitempty"`
	Metric   int    `json:"metric,omitempty"`
	Flags    int    `json:"flags,omitempty"`
	MTU      int    `json:"mtu,omitempty"`
}

func (l *link) look(ctx context.Context) (json.RawMessage, error) {
	var saved []savedRoute
	err := l.in.inside(ctx, l.at, func(ns *netns) error {
		dev, err := ns.LinkByName(l.device())
		if err != nil {
			return fmt.Errorf("interface %s: %w", l.device(), err)
		}
		subs, err := subInterfaces(ns, dev)
		if err != nil {
			return err
		}
		for _, dev := range append([]netlink.Link{dev}, subs...) {
			name := dev.Attrs().Name
			routes, err := ns.RouteListFiltered(syscall.AF_INET, &netlink.Route{LinkIndex: dev.Attrs().Index, Table: everyTable}, netlink.RT_FILTER_OIF|netlink.RT_FILTER_TABLE)
			if err != nil {
				return fmt.Errorf("routes by %s: %w", name, err)
			}
			for _, r := range ours(routes) {
				if name != l.device() {
					r.Dev = name
				}
				saved = append(saved, r)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return encode(saved)
}

// subInterfaces lists the VLANs on an interface.
func subInterfaces(ns *netns, of netlink.Link) ([]netlink.Link, error) {
	all, err := ns.LinkList()
	if err != nil {
		return nil, fmt.Errorf("interfaces: %w", err)
	}
	return slices.DeleteFunc(all, func(dev netlink.Link) bool {
		return dev.Type() != "vlan" || dev.Attrs().ParentIndex != of.Attrs().Index
	}), nil
}

// ours returns the routes for the undo. ours leaves out the kernel's routes, because the kernel sets these again with the
// link, and the routes of routing daemons, because the daemons may have newer routes by then (rtnetlink.h: 11 zebra, 12 bird,
// 186 bgp, 196 zebra's static). A kernel's route has no gateway: Cilium's routes to the pods of other nodes have the kernel's
// number, too.
func ours(routes []netlink.Route) []savedRoute {
	var list []savedRoute
	for _, r := range routes {
		kernels := r.Protocol == protocolKernel && r.Gw == nil
		if kernels || r.Table == tableLocal || r.Type != typeUnicast || slices.Contains([]int{11, 12, 186, 196}, int(r.Protocol)) {
			continue
		}
		s := savedRoute{Scope: int(r.Scope), Table: r.Table, Protocol: int(r.Protocol), Metric: r.Priority, Flags: r.Flags & onlink, MTU: r.MTU}
		if r.Dst != nil {
			s.Dst = r.Dst.String()
		}
		if r.Gw != nil {
			s.Gateway = r.Gw.String()
		}
		if r.Src != nil {
			s.Source = r.Src.String()
		}
		list = append(list, s)
	}
	// Routes to the link's own subnet come first: the kernel needs these routes for the gateways.
	slices.SortStableFunc(list, func(a, b savedRoute) int { return b.Scope - a.Scope })
	return list
}

// route is the inverse of ours.
func (s savedRoute) route(index int) (*netlink.Route, error) {
	r := &netlink.Route{LinkIndex: index, Scope: netlink.Scope(s.Scope), Table: s.Table, Protocol: netlink.RouteProtocol(s.Protocol), Priority: s.Metric, Flags: s.Flags, MTU: s.MTU}
	if s.Dst != "" {
		dst, err := netlink.ParseIPNet(s.Dst)
		if err != nil {
			return nil, err
		}
		r.Dst = dst
	}
	r.Gw, r.Src = parseIP(s.Gateway), parseIP(s.Source)
	return r, nil
}

func (l *link) apply(ctx context.Context, _ json.RawMessage) error {
	return l.in.inside(ctx, l.at, func(ns *netns) error { return l.set(ns, false) })
}

func (l *link) set(ns *netns, up bool) error {
	dev, err := ns.LinkByName(l.device())
	if err != nil {
		return fmt.Errorf("interface %s: %w", l.device(), err)
	}
	if up {
		err = ns.LinkSetUp(dev)
	} else {
		err = ns.LinkSetDown(dev)
	}
	if err != nil {
		return fmt.Errorf("interface %s: %w", l.device(), err)
	}
	return nil
}

// undo sets the link up, waits for the carrier and sets the saved routes.
func (l *link) undo(ctx context.Context, saved json.RawMessage) error {
	var routes []savedRoute
	if err := decode(saved, &routes); err != nil {
		return err
	}
	return l.in.await(ctx, fmt.Sprintf("%s: link %s and its routes stand", l.at.name, l.device()), linkWithin, func(ctx context.Context) error {
		return ignoreGone(l.in.inside(ctx, l.at, func(ns *netns) error { return l.restore(ns, routes) }))
	})
}

func (l *link) restore(ns *netns, routes []savedRoute) error {
	if err := l.set(ns, true); err != nil {
		return err
	}
	if _, err := up(ns, l.device()); err != nil {
		return err
	}
	for _, s := range routes {
		dev, err := up(ns, cmp.Or(s.Dev, l.device()))
		if err != nil {
			return err
		}
		r, err := s.route(dev.Attrs().Index)
		if err != nil {
			return err
		}
		if err := ns.RouteAdd(r); err != nil && !errors.Is(err, syscall.EEXIST) {
			return fmt.Errorf("route to %s via %s: %w", s.Dst, s.Gateway, err)
		}
	}
	return nil
}

// up returns an interface with a carrier.
func up(ns *netns, device string) (netlink.Link, error) {
	dev, err := ns.LinkByName(device)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", device, err)
	}
	if s := dev.Attrs().OperState; s != netlink.OperUp {
		return nil, fmt.Errorf("interface %s is %s", device, s)
	}
	return dev, nil
}
