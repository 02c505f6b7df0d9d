package link

import (
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestVLANSubInterface(t *testing.T) {
	lower := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "trunk", Index: 7, MTU: 9000}}
	n := plan.Network{Name: "red", Segment: scenario.Segment{VLAN: &scenario.VLAN{ID: 100, Network: "trunk"}}}
	l := plan.Link{Network: n, Ends: []plan.LinkEnd{{Attachment: plan.Attachment{Network: "red", Address: netip.MustParseAddr("10.71.1.11")}}}}
	dev, ok := upper(l, []netlink.Link{lower}).(*netlink.Vlan)
	if !ok || dev.VlanId != 100 || dev.VlanProtocol != netlink.VLAN_PROTOCOL_8021Q || dev.Name != "red" || dev.ParentIndex != 7 || dev.MTU != 9000 {
		t.Errorf("seen %+v, want VLAN 100 named red on interface 7 with MTU 9000", dev)
	}
	if got := dev.HardwareAddr.String(); got != "02:42:0a:47:01:0b" {
		t.Errorf("seen MAC %s, want the address's", got)
	}
	l.Network.MTU = 1500
	if got := upper(l, []netlink.Link{lower}).Attrs().MTU; got != 1500 {
		t.Errorf("seen MTU %d, want 1500", got)
	}
	for _, c := range []struct {
		dev  netlink.Link
		want bool
	}{{dev, true}, {&netlink.Vlan{VlanId: 101}, false}, {&netlink.Dummy{}, false}} {
		if got := (&end{}).fits(c.dev, n); got != c.want {
			t.Errorf("%+v: fits %t, want %t", c.dev, got, c.want)
		}
	}
	if !(&end{}).fits(&netlink.Veth{}, plan.Network{}) {
		t.Error("a link without a VLAN: seen no fit")
	}
}
