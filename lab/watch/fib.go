//go:build linux

package watch

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/timeline"
)

// fib is the main routing table of a namespace, built from the kernel's messages.
type fib struct {
	subject string
	lane    timeline.Lane
	name    func(netip.Addr) string // of a next hop
	dev     func(index int) string
	routes  map[routeKey]string
}

// routeKey distinguishes two routes of a table: IPv4 has one route for each prefix and metric.
type routeKey struct {
	prefix netip.Prefix
	metric int
}

// update applies a message and returns the change: at most one event, none without a change.
func (f *fib) update(u netlink.RouteUpdate) []timeline.Event {
	key, ok := keyOf(u.Route)
	if !ok {
		return nil
	}
	before, known := f.routes[key]
	switch u.Type {
	case unix.RTM_NEWROUTE:
		now := f.describe(u.Route)
		if f.routes == nil {
			f.routes = map[routeKey]string{}
		}
		f.routes[key] = now
		if !known {
			return []timeline.Event{f.event("route-add", key, now, "to", now)}
		}
		if now != before {
			return []timeline.Event{f.event("route-change", key, now+", was "+before, "to", now, "from", before)}
		}
	case unix.RTM_DELROUTE:
		delete(f.routes, key)
		if known {
			return []timeline.Event{f.event("route-del", key, before, "from", before)}
		}
	}
	return nil
}

// replace applies a whole table and returns the changes, by prefix.
func (f *fib) replace(routes []netlink.Route) []timeline.Event {
	var events []timeline.Event
	gone := maps.Clone(f.routes)
	for _, r := range routes {
		if key, ok := keyOf(r); ok {
			delete(gone, key)
			events = append(events, f.update(netlink.RouteUpdate{Type: unix.RTM_NEWROUTE, Route: r})...)
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(gone), compareKeys) {
		before := f.routes[key]
		delete(f.routes, key)
		events = append(events, f.event("route-del", key, before, "from", before))
	}
	return events
}

func compareKeys(a, b routeKey) int {
	return cmp.Or(a.prefix.Addr().Compare(b.prefix.Addr()), cmp.Compare(a.prefix.Bits(), b.prefix.Bits()), cmp.Compare(a.metric, b.metric))
}

func (f *fib) event(kind string, key routeKey, text string, fields ...string) timeline.Event {
	return timeline.New(f.lane, f.subject, kind, key.prefix.String()+" "+text, with(map[string]string{"prefix": key.prefix.String()}, fields...))
}

// keyOf returns the route's key; ok is false for routes of other tables, and for the kernel's own routes of every IPv6
// link.
func keyOf(r netlink.Route) (_ routeKey, ok bool) {
	// A message without a table means a table above 255, named elsewhere in the message.
	if r.Table != unix.RT_TABLE_MAIN || r.Type == unix.RTN_MULTICAST || r.Flags&unix.RTM_F_CLONED != 0 {
		return routeKey{}, false
	}
	prefix := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if r.Family == netlink.FAMILY_V6 {
		prefix = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	if r.Dst != nil {
		a, valid := netip.AddrFromSlice(r.Dst.IP)
		if !valid {
			return routeKey{}, false
		}
		if r.Family != netlink.FAMILY_V6 {
			a = a.Unmap()
		}
		bits, _ := r.Dst.Mask.Size()
		prefix = netip.PrefixFrom(a, bits)
	}
	a := prefix.Addr()
	if a.Is6() && (a.IsLinkLocalUnicast() || a.IsMulticast()) {
		return routeKey{}, false
	}
	return routeKey{prefix, r.Priority}, true
}

// describe formats the route's next hops: via r1 (10.89.0.2) on fabric, bgp.
func (f *fib) describe(r netlink.Route) string {
	var hops []string
	if len(r.MultiPath) == 0 {
		hops = append(hops, f.hop(r.Gw, r.Via, r.LinkIndex))
	}
	for _, h := range r.MultiPath {
		hops = append(hops, f.hop(h.Gw, h.Via, h.LinkIndex))
	}
	slices.Sort(hops)
	to := strings.Join(hops, " and ")
	switch r.Type {
	case unix.RTN_BLACKHOLE:
		to = "blackhole"
	case unix.RTN_UNREACHABLE:
		to = "unreachable"
	case unix.RTN_PROHIBIT:
		to = "prohibited"
	}
	to += ", " + protocol(int(r.Protocol))
	if r.Priority != 0 {
		to += fmt.Sprintf(", metric %d", r.Priority)
	}
	return to
}

func (f *fib) hop(gw []byte, via netlink.Destination, index int) string {
	a, ok := netip.AddrFromSlice(gw)
	if v, isVia := via.(*netlink.Via); !ok && isVia && v != nil {
		a, ok = netip.AddrFromSlice(v.Addr)
	}
	if !ok {
		return "on " + f.dev(index)
	}
	a = a.Unmap()
	if name := f.name(a); name != a.String() {
		return fmt.Sprintf("via %s (%s)", a, name)
	}
	return "via " + a.String()
}

// protocol names the origin of a route (linux/rtnetlink.h), like iproute2.
func protocol(n int) string {
	switch n {
	case unix.RTPROT_KERNEL:
		return "kernel"
	case unix.RTPROT_BOOT:
		return "boot"
	case unix.RTPROT_STATIC:
		return "static"
	case unix.RTPROT_ZEBRA:
		return "zebra"
	case unix.RTPROT_BIRD:
		return "bird"
	case unix.RTPROT_BGP:
		return "bgp"
	case 196: // zebra's, for its static routes
		return "static"
	}
	return fmt.Sprintf("protocol %d", n)
}
