package watch

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/timeline"
)

func kernelRoute(prefix string, protocol int, hops ...string) netlink.Route {
	p := netip.MustParsePrefix(prefix)
	r := netlink.Route{
		Family: netlink.FAMILY_V4, Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNICAST, Protocol: netlink.RouteProtocol(protocol), LinkIndex: 2,
		Dst: &net.IPNet{IP: net.IP(p.Addr().AsSlice()), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())},
	}
	if p.Addr().Is6() {
		r.Family = netlink.FAMILY_V6
	}
	if len(hops) == 1 {
		r.Gw = net.ParseIP(hops[0])
	}
	for _, h := range hops[min(len(hops), 1):] {
		if r.MultiPath == nil {
			r.MultiPath = append(r.MultiPath, &netlink.NexthopInfo{Gw: r.Gw, LinkIndex: 2})
			r.MultiPath[0].Gw = net.ParseIP(hops[0])
		}
		r.MultiPath = append(r.MultiPath, &netlink.NexthopInfo{Gw: net.ParseIP(h), LinkIndex: 2})
	}
	return r
}

func TestFIB(t *testing.T) {
	f := &fib{subject: "r1", lane: timeline.LaneFIB, name: nameOf, dev: func(int) string { return "fabric" }}
	story := &script{t: t}
	set := func(r netlink.Route) []timeline.Event {
		return f.update(netlink.RouteUpdate{Type: unix.RTM_NEWROUTE, Route: r})
	}
	one := kernelRoute("203.0.113.50/32", unix.RTPROT_BGP, "10.89.0.11")
	two := kernelRoute("203.0.113.50/32", unix.RTPROT_BGP, "10.89.0.12", "10.89.0.11")
	story.phase("a route comes", set(one))
	story.phase("it is told again", set(one))
	story.phase("it gets a second next hop", set(two))
	story.phase("and loses it", set(one))
	story.phase("it goes", f.update(netlink.RouteUpdate{Type: unix.RTM_DELROUTE, Route: one}))
	story.phase("it goes again", f.update(netlink.RouteUpdate{Type: unix.RTM_DELROUTE, Route: one}))

	link := kernelRoute("10.89.0.0/24", unix.RTPROT_KERNEL)
	dflt := netlink.Route{Family: netlink.FAMILY_V4, Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNICAST, Protocol: unix.RTPROT_BOOT, Gw: net.ParseIP("10.89.0.3"), LinkIndex: 2}
	hole := kernelRoute("192.0.2.0/24", unix.RTPROT_STATIC)
	hole.Type = unix.RTN_BLACKHOLE
	story.phase("a table", f.replace([]netlink.Route{link, dflt, hole, two, kernelRoute("fd00:1::/64", unix.RTPROT_ZEBRA)}))
	metric := dflt
	metric.Priority = 20
	story.phase("another metric is another route", set(metric))
	other, local, v6 := one, one, kernelRoute("fe80::/64", unix.RTPROT_KERNEL)
	other.Table, local.Table = 2004, unix.RT_TABLE_LOCAL
	story.phase("other tables, and every link's own", append(append(set(other), set(local)...), set(v6)...))
	story.phase("what is left after a link went", f.replace([]netlink.Route{dflt}))
	golden(t, "fib.txt", story.text.Bytes())
}
