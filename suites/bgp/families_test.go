package bgp_test

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// families is the lab of testdata/families.yaml.
type families struct{ *labtest.Lab }

// hop returns the hub's next hop to a prefix in the kernel; "" without a route.
func (f families) hop(ctx context.Context, to string) (string, error) {
	hub, err := f.Router("hub")
	if err != nil {
		return "", err
	}
	fib, err := hub.FIB(ctx)
	if r, ok := bgp.Find(fib, netip.MustParsePrefix(to)); err == nil && ok && len(r.NextHops) == 1 {
		return r.NextHops[0].Address.String(), nil
	}
	return "", err
}

// ping sends one packet between two addresses.
func (f families) ping(ctx context.Context, node, from, to string) error {
	n, err := f.Node(node)
	if err == nil {
		_, err = n.Exec(ctx, "ping", "-q", "-c1", "-W2", "-I", from, to)
	}
	return err
}

var _ = Describe("A router with a session for several families, and with IPv6 next hops", Label("bgp", "families", "slow"), Ordered, func() {
	var f families
	BeforeAll(func(ctx SpecContext) {
		s, err := scenario.Load(filepath.Join("testdata", "families.yaml"), lab.Kinds())
		Expect(err).NotTo(HaveOccurred())
		f.Lab = labtest.UpUnjudged(ctx, "families", s)
	})
	AfterAll(func(ctx SpecContext) {
		if f.Lab != nil {
			_, err := lab.Down(ctx, f.Plan.Lab)
			Expect(err).NotTo(HaveOccurred())
		}
	})

	// The next hops are patterns; an empty pattern means no route.
	DescribeTable("forwards by the next hops of the session", func(ctx SpecContext, spoke string, n int, v4, v6 string) {
		other := 12 // frr-link, whose packets pass the hub; frr-link itself talks with bird-link
		if n == other {
			other = 10
		}
		for _, family := range []struct{ hop, prefix, own, to string }{
			{v4, fmt.Sprintf("10.71.%d.1/32", n), fmt.Sprintf("10.71.%d.1", n), fmt.Sprintf("10.71.%d.1", other)},
			{v6, fmt.Sprintf("2001:db8:71:%d::1/128", n), fmt.Sprintf("2001:db8:71:%d::1", n), fmt.Sprintf("2001:db8:71:%d::1", other)},
		} {
			if family.hop == "" { // the other family has had its route by now
				Expect(f.hop(ctx, family.prefix)).To(BeEmpty(), "the hub's next hop to %s", family.prefix)
				Expect(f.ping(ctx, spoke, family.own, family.to)).NotTo(Succeed(), "%s to %s", family.own, family.to)
				continue
			}
			Eventually(ctx, f.hop).WithArguments(family.prefix).WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(MatchRegexp(family.hop), "the hub's next hop to %s", family.prefix)
			Eventually(ctx, f.ping).WithArguments(spoke, family.own, family.to).WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(Succeed(), "%s to %s", family.own, family.to)
		}
		r, err := f.Router(spoke)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Sessions(ctx)).To(ConsistOf(HaveField("State", bgp.Established)), "the only session of %s", spoke)
	},
		Entry("of BIRD, both families over IPv4", "bird-both", 1, `^10\.64\.0\.12$`, "^2001:db8:64::12$"),
		Entry("of GoBGP, both families over IPv4", "gobgp-both", 2, `^10\.64\.0\.13$`, "^2001:db8:64::13$"),
		Entry("of FRR, both families over IPv4", "frr-both", 3, `^10\.64\.0\.14$`, "^2001:db8:64::14$"),
		Entry("of BIRD, IPv6 alone (negative control: no IPv4)", Label("negative-control"), "bird-v6", 5, "", "^2001:db8:64::16$"),
		Entry("of GoBGP, IPv6 alone (negative control: no IPv4)", Label("negative-control"), "gobgp-v6", 6, "", "^2001:db8:64::17$"),
		Entry("of BIRD, with extended next hops (RFC 8950)", "bird-enh", 7, "^2001:db8:64::18$", "^2001:db8:64::18$"),
		Entry("of GoBGP, with extended next hops (RFC 8950)", "gobgp-enh", 8, "^2001:db8:64::19$", "^2001:db8:64::19$"),
		Entry("of FRR, with extended next hops (RFC 8950)", "frr-enh", 9, "^2001:db8:64::20$", "^2001:db8:64::20$"),
		Entry("of BIRD, over an interface", "bird-link", 10, "^fe80::42:", "^fe80::42:"),
		Entry("of GoBGP, over an interface", "gobgp-link", 11, "^fe80::42:", "^fe80::42:"),
		Entry("of FRR, over an interface", "frr-link", 12, "^fe80::42:", "^fe80::42:"),
	)

	It("has the prefixes of both families that ExaBGP announces", func(ctx SpecContext) {
		r, err := f.Router("hub")
		Expect(err).NotTo(HaveOccurred())
		for prefix, hop := range map[string]string{"10.64.0.0/24": "10.64.0.15", "2001:db8:64::/64": "2001:db8:64::15"} {
			Eventually(ctx, r.Routes).WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(ContainElement(And(
				HaveField("Prefix", netip.MustParsePrefix(prefix)), HaveField("NextHops", ContainElement(HaveField("Address", netip.MustParseAddr(hop)))))))
		}
	})

	It("forwards over an interface again after the link was down", func(ctx SpecContext) {
		for _, spoke := range []struct{ name, link string }{{"bird-link", "up-bird"}, {"gobgp-link", "up-gobgp"}, {"frr-link", "up-frr"}} {
			n, err := f.Node(spoke.name)
			Expect(err).NotTo(HaveOccurred())
			_, err = n.Exec(ctx, "ip", "link", "set", "dev", spoke.link, "down")
			Expect(err).NotTo(HaveOccurred())
		}
		Eventually(ctx, f.hop).WithArguments("10.71.12.1/32").WithTimeout(2*time.Second).WithPolling(labtest.Often).Should(BeEmpty(), "the carrier falls at both ends")
		for _, spoke := range []struct{ name, link string }{{"bird-link", "up-bird"}, {"gobgp-link", "up-gobgp"}, {"frr-link", "up-frr"}} {
			n, err := f.Node(spoke.name)
			Expect(err).NotTo(HaveOccurred())
			_, err = n.Exec(ctx, "ip", "link", "set", "dev", spoke.link, "up")
			Expect(err).NotTo(HaveOccurred())
		}
		for i, spoke := range []string{"bird-link", "gobgp-link", "frr-link"} {
			Eventually(ctx, f.ping).WithArguments(spoke, fmt.Sprintf("10.71.%d.1", 10+i), "10.71.3.1").WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(Succeed(), spoke)
		}
	})
})
