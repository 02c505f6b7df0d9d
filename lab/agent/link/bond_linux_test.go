package link

import (
	"net"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestBondOfANetwork(t *testing.T) {
	mac := net.HardwareAddr{2, 66, 10, 0, 0, 1}
	n := plan.Network{Name: "lag", Segment: scenario.Segment{PointToPoint: true, MTU: 9000, Bond: &scenario.Bond{
		Mode: scenario.BondLACP, Links: 2, MIIMon: scenario.Duration(50 * time.Millisecond), XmitHashPolicy: "layer3+4"}}}
	b := bondOf(n, mac)
	if b.Mode != netlink.BOND_MODE_802_3AD || b.Miimon != 50 || b.LacpRate != netlink.BOND_LACP_RATE_FAST ||
		b.XmitHashPolicy != netlink.BOND_XMIT_HASH_POLICY_LAYER3_4 || b.MTU != 9000 || b.Name != "lag" || b.HardwareAddr.String() != mac.String() {
		t.Errorf("seen %+v", b)
	}
	for _, mode := range []scenario.BondMode{scenario.BondRoundRobin, scenario.BondActiveBackup, scenario.BondXOR, scenario.BondBroadcast, scenario.BondTLB, scenario.BondALB} {
		n.Bond.Mode = mode
		if b := bondOf(n, mac); b.Mode.String() != string(mode) || b.LacpRate != -1 {
			t.Errorf("%s: seen mode %s, LACP rate %d", mode, b.Mode, b.LacpRate)
		}
	}
	n.Bond.Mode = scenario.BondActiveBackup // the kernel refuses a policy in this mode
	if b := bondOf(n, mac); b.XmitHashPolicy != -1 {
		t.Errorf("active-backup: seen policy %s, want none", b.XmitHashPolicy)
	}
	if (&end{}).fits(&netlink.Veth{}, n) || (&end{}).fits(bondOf(plan.Network{Segment: scenario.Segment{Bond: &scenario.Bond{Mode: "802.3ad"}}}, mac), n) {
		t.Error("seen a fit of a link without a bond, or of a bond of another mode")
	}
}
