package fault

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	vns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"skidpad.dev/skidpad/lab/agent/wire"
)

// private makes a network namespace with the interfaces fabric and edge, and calls do with it.
func private(t *testing.T, do func(*netns)) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, for a network namespace")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := vns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	ns, err := vns.New() // from here on, the thread is in the new namespace
	if err != nil {
		t.Skip("no network namespace can be made here:", err)
	}
	defer ns.Close()
	if err := vns.Set(home); err != nil {
		t.Fatal(err) // the thread is in the wrong namespace, and ends with the goroutine
	}
	if err := notOurs(ns); err != nil {
		t.Fatal(err)
	}
	err = enter(ns, func(n *netns) error {
		for _, name := range []string{"fabric", "edge"} {
			veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name + "-peer"}
			if err := n.LinkAdd(veth); err != nil {
				return err
			}
		}
		do(n)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ruleset returns all tables of the namespace as text.
func ruleset(t rapid.TB, n *netns) string {
	t.Helper()
	c, err := wire.Open(n.ns)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := c.ListTables()
	if err != nil {
		t.Fatal(err)
	}
	chains, err := c.ListChains()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, table := range tables {
		lines = append(lines, fmt.Sprintf("%d %s", table.Family, table.Name))
		for _, chain := range chains {
			if chain.Table.Name != table.Name || chain.Table.Family != table.Family {
				continue
			}
			rules, err := c.GetRules(table, chain)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rules {
				text := fmt.Sprintf("%d %s %s", table.Family, table.Name, chain.Name)
				for _, e := range r.Exprs {
					text += fmt.Sprintf(" %+v", e)
				}
				lines = append(lines, text)
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// foreign makes a table of another program. Faults must not touch the table.
func foreign(t *testing.T, n *netns) {
	t.Helper()
	c, err := wire.Open(n.ns)
	if err != nil {
		t.Fatal(err)
	}
	table := c.AddTable(&nftables.Table{Name: "filter", Family: nftables.TableFamilyIPv4})
	chain := c.AddChain(&nftables.Chain{Name: "input", Table: table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_GRE}}, &expr.Verdict{Kind: expr.VerdictDrop}}})
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
}

func genDrop() *rapid.Generator[drop] {
	return rapid.Custom(func(t *rapid.T) drop {
		d := drop{Device: rapid.SampledFrom([]string{"fabric", "edge", "lo"}).Draw(t, "device"), Egress: rapid.Bool().Draw(t, "egress")}
		d.Match = rapid.SampledFrom(slices.Concat((&Drop{Proto: "bgp"}).matches(), (&Drop{Proto: "bfd"}).matches(), (&Drop{Proto: "vrrp"}).matches(), (&Drop{Proto: "arp"}).matches(),
			[]match{{}, {Ether: etherIPv4, L4: protoTCP, DPort: apiPort, DAddr: netip.MustParseAddr("192.0.2.1")},
				{Ether: etherIPv6, L4: protoTCP, SPort: apiPort, SAddr: netip.MustParseAddr("2001:db8::1")}})).Draw(t, "match")
		if rapid.Bool().Draw(t, "mac") {
			d.To = net.HardwareAddr{2, 0x42, 192, 0, 2, 1}
		}
		if rapid.Bool().Draw(t, "from") {
			d.From = net.HardwareAddr{2, 0x42, 192, 0, 2, 2}
		}
		d.Percent = rapid.SampledFrom([]float64{0, 0.0001, 12.5, 100}).Draw(t, "percent")
		return d
	})
}

// Faults overlap and go in any order. No rule of a fault stays, and no other rule changes.
func TestOverlappingFiltersUndoInAnyOrder(t *testing.T) {
	private(t, func(n *netns) {
		foreign(t, n)
		before := ruleset(t, n)
		if !strings.Contains(before, "filter input") {
			t.Fatalf("the ruleset before is not read: %q", before)
		}
		rapid.Check(t, func(t *rapid.T) {
			var in []string
			for i := range rapid.IntRange(1, 12).Draw(t, "steps") {
				if len(in) > 0 && rapid.Bool().Draw(t, "undo") {
					k := rapid.IntRange(0, len(in)-1).Draw(t, "which")
					if err := wire.Uninstall(n.ns, in[k]); err != nil {
						t.Fatal(err)
					}
					in = slices.Delete(in, k, k+1)
				} else {
					name := fmt.Sprintf("%s%06x", tablePrefix, i)
					if err := wire.Install(n.ns, name, rapid.SliceOfN(genDrop(), 1, 4).Draw(t, "drops")); err != nil {
						t.Fatal(err)
					}
					in = append(in, name)
				}
				now := ruleset(t, n)
				for _, name := range in {
					if !strings.Contains(now, name) {
						t.Fatalf("%s is not there:\n%s", name, now)
					}
				}
			}
			for _, name := range rapid.Permutation(in).Draw(t, "order") {
				if err := wire.Uninstall(n.ns, name); err != nil {
					t.Fatal(err)
				}
				if err := wire.Uninstall(n.ns, name); err != nil { // a second time is harmless
					t.Fatal(err)
				}
			}
			if after := ruleset(t, n); after != before {
				t.Fatalf("before:\n%s\nafter:\n%s", before, after)
			}
		})
	})
}

// Of two queues on the same interface, either queue may go first. At the end the interface has no queue.
func TestOverlappingQueues(t *testing.T) {
	private(t, func(n *netns) {
		kind := func() string {
			_, root, err := wire.Root(n.Handle, "fabric")
			if err != nil {
				t.Fatal(err)
			}
			if root == nil {
				return "none"
			}
			return root.Type()
		}
		before := kind()
		for _, s := range []sending{{Rate: 1e6}, {Rate: 2e5}, {}} {
			if err := wire.Send(n.Handle, "fabric", s); err != nil {
				t.Fatal(err)
			}
			want := "tbf"
			if s.Rate == 0 {
				want = before
			}
			if got := kind(); got != want {
				t.Errorf("%+v: the root queue is %s, want %s", s, got, want)
			}
		}
	})
}

// Routes lost with the link come back with the link.
func TestLinkRoutes(t *testing.T) {
	private(t, func(n *netns) {
		dev, err := n.LinkByName("fabric")
		if err != nil {
			t.Fatal(err)
		}
		peer, err := n.LinkByName("fabric-peer")
		if err != nil {
			t.Fatal(err)
		}
		addr, _ := netlink.ParseAddr("192.0.2.2/24")
		_, edge, _ := net.ParseCIDR("198.51.100.0/24")
		_, pods, _ := net.ParseCIDR("10.244.1.0/24")
		for _, err := range []error{n.AddrAdd(dev, addr), n.LinkSetUp(dev), n.LinkSetUp(peer),
			n.RouteAdd(&netlink.Route{LinkIndex: dev.Attrs().Index, Dst: edge, Gw: net.IPv4(192, 0, 2, 1)}),
			n.RouteAdd(&netlink.Route{LinkIndex: dev.Attrs().Index, Dst: &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}, Gw: net.IPv4(192, 0, 2, 1), Protocol: unix.RTPROT_STATIC}),
			n.RouteAdd(&netlink.Route{LinkIndex: dev.Attrs().Index, Dst: &net.IPNet{IP: net.IPv4(203, 0, 113, 1), Mask: net.CIDRMask(32, 32)}, Gw: net.IPv4(192, 0, 2, 1), Protocol: 186}),
			n.RouteAdd(&netlink.Route{LinkIndex: dev.Attrs().Index, Dst: pods, Gw: net.IPv4(192, 0, 2, 1), Protocol: unix.RTPROT_KERNEL})} {
			if err != nil {
				t.Fatal(err)
			}
		}
		routes, err := n.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{LinkIndex: dev.Attrs().Index}, netlink.RT_FILTER_OIF|netlink.RT_FILTER_TABLE)
		if err != nil {
			t.Fatal(err)
		}
		saved := ours(routes)
		if len(saved) != 3 {
			t.Fatalf("saved %+v; want the three that no daemon and no kernel sets", saved)
		}
		l := &link{spot: spot{at: place{networks: []string{"fabric"}}}}
		if err := l.set(n, false); err != nil {
			t.Fatal(err)
		}
		if left, _ := n.RouteList(dev, netlink.FAMILY_V4); len(left) != 0 {
			t.Fatalf("routes by a link that is down: %v", left)
		}
		if err := l.restore(n, saved); err != nil {
			t.Fatal(err)
		}
		back, err := n.RouteList(dev, netlink.FAMILY_V4)
		if err != nil || len(back) != 4 {
			t.Errorf("routes after: %v, %v; want the link's, those to the edge and the pods, and the default", back, err)
		}
		if err := l.restore(n, saved); err != nil {
			t.Errorf("a second time: %v", err)
		}
	})
}
