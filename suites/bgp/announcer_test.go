package bgp_test

import (
	"context"
	"net/netip"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/labtest"
)

var _ = Describe("ExaBGP as the peer of FRR", Label("bgp", "frr", "exabgp"), Ordered, func() {
	var l *labtest.Lab
	var announcer string
	BeforeAll(func(ctx SpecContext) {
		l = routers(ctx, "announcer", "announcer", nil)
		announcer = l.Plan.Routers[1].Networks[1].Address.String()
	})

	// fib expects the next hops of r1's kernel for a prefix, soon.
	fib := func(ctx SpecContext, to netip.Prefix, hops ...string) {
		GinkgoHelper()
		Eventually(ctx, l.NextHops).WithArguments("r1", to).WithTimeout(changeWithin).WithPolling(labtest.Often).Should(ConsistOf(hops))
	}
	tell := func(ctx SpecContext, words ...string) {
		GinkgoHelper()
		x, err := l.Node("x1")
		Expect(err).NotTo(HaveOccurred())
		out, err := x.Exec(ctx, append([]string{"exabgpcli"}, words...)...)
		Expect(err).NotTo(HaveOccurred(), string(out))
	}

	It("has a session, which both ends report with the same timers", func(ctx SpecContext) {
		for _, router := range []string{"r1", "x1"} {
			Eventually(ctx, func(ctx context.Context) ([]bgp.Session, error) {
				r, err := l.Router(router)
				if err != nil {
					return nil, err
				}
				return r.Sessions(ctx)
			}).WithTimeout(changeWithin).WithPolling(labtest.Often).Should(ConsistOf(And(
				HaveField("State", bgp.Established), HaveField("HoldTime", l.Plan.Routers[1].BGP.HoldTime))), "sessions of %s", router)
		}
	})

	It("gives FRR's kernel the route to its announced network, with MED and community of the export policy", func(ctx SpecContext) {
		left := network(l, "left")
		fib(ctx, left, announcer)
		Expect(l.Paths(ctx, "r1", left)).To(ConsistOf(And(HaveField("MED", HaveValue(BeEquivalentTo(50))), HaveField("Communities", ConsistOf("64514:7")))))
	})

	It("announces a prefix when told by exabgpcli, and withdraws the prefix when told", func(ctx SpecContext) {
		told := netip.MustParsePrefix("203.0.113.0/24")
		fib(ctx, told) // not yet
		tell(ctx, "announce", "route", told.String(), "next-hop", "self")
		fib(ctx, told, announcer)
		tell(ctx, "withdraw", "route", told.String(), "next-hop", "self")
		fib(ctx, told)
	})

	It("loses the route while its session is shut, and has the route again afterwards", func(ctx SpecContext) {
		left := network(l, "left")
		x, err := l.Router("x1")
		Expect(err).NotTo(HaveOccurred())
		Expect(x.Shut(ctx, bgp.Peers{})).To(Succeed())
		fib(ctx, left)
		Expect(x.Open(ctx, bgp.Peers{})).To(Succeed())
		fib(ctx, left, announcer)
	})
})
