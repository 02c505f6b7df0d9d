package fault

import (
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
)

func init() {
	examples = append(examples, &Renumber{Node: "r1", Network: "edge", Address: "192.0.2.99", Lasting: last})
}

func TestAnAddressIsChangedAndPutBack(t *testing.T) {
	private(t, func(n *netns) {
		dev, err := n.LinkByName("fabric")
		if err != nil {
			t.Fatal(err)
		}
		was, _ := netlink.ParseIPNet("10.99.0.2/24")
		is, _ := netlink.ParseIPNet("10.99.0.9/24")
		if err := n.AddrReplace(dev, &netlink.Addr{IPNet: was}); err != nil {
			t.Fatal(err)
		}
		if err := n.LinkSetUp(dev); err != nil {
			t.Fatal(err)
		}
		beyond, _ := netlink.ParseIPNet("203.0.113.0/24")
		if err := n.RouteReplace(&netlink.Route{LinkIndex: dev.Attrs().Index, Dst: beyond, Gw: netip.MustParseAddr("10.99.0.1").AsSlice()}); err != nil {
			t.Fatal(err)
		}
		saved, err := n.addressFor("fabric", netip.MustParseAddr("10.99.0.9"))
		if err != nil || saved.Address != "10.99.0.2/24" || len(saved.Routes) != 1 {
			t.Fatalf("seen %+v, %v", saved, err)
		}
		for _, step := range []struct{ from, to string }{{"10.99.0.2", "10.99.0.9"}, {"10.99.0.2", "10.99.0.9"}, {"10.99.0.9", "10.99.0.2"}} {
			from, to := was, is
			if step.from != "10.99.0.2" {
				from, to = is, was
			}
			if err := n.replace("fabric", from, to, saved.Routes); err != nil {
				t.Fatal(err)
			}
			list, err := n.AddrList(dev, netlink.FAMILY_V4)
			if err != nil || len(list) != 1 || list[0].IP.String() != step.to {
				t.Errorf("the addresses are %v (%v), want %s alone", list, err, step.to)
			}
			if now, err := n.addressFor("fabric", netip.MustParseAddr("10.99.0.9")); err != nil || len(now.Routes) != 1 {
				t.Errorf("with %s: the routes are %+v (%v), want the one from before", step.to, now.Routes, err)
			}
		}
		if _, err := n.addressFor("fabric", netip.MustParseAddr("10.98.0.9")); err == nil {
			t.Error("an address of another subnet: seen no error")
		}
	})
}
