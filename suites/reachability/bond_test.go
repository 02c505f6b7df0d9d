package reachability_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ = Describe("Bonds of point-to-point links", Label("networks", "bond", "slow"), Ordered, Serial, func() {
	var l *labtest.Lab
	through := func(ctx context.Context) int { return answers(ctx, l, "server") }
	BeforeAll(func(ctx SpecContext) {
		s := labtest.Load("bond")
		needs(ctx, s, "CONFIG_BONDING (network lag, bond)")
		l = labtest.Up(ctx, "bond", s)
		Expect(l.Judge(ctx, &check.Sessions{Established: "all", Within: scenario.DefaultWithin})).To(labtest.Hold())
	})
	AfterAll(func(ctx SpecContext) {
		if l != nil {
			_, err := lab.Down(ctx, l.Plan.Lab)
			Expect(err).NotTo(HaveOccurred())
		}
	})

	It("carry the packets while one link is down, and none while both are (negative control)", Label("negative-control"), func(ctx SpecContext) {
		first := l.Inject(ctx, &fault.LinkDown{Node: "r1", Network: "lag", Link: 1})
		Eventually(ctx, func() int { return through(ctx) }).WithTimeout(10 * time.Second).Should(BeNumerically(">", 20))
		Expect(problems(ctx, l)).To(ContainElement(ContainSubstring("link lag-1 of bond lag is missing or has no carrier")))
		second := l.Inject(ctx, &fault.LinkDown{Node: "r1", Network: "lag", Link: 2})
		Eventually(ctx, func() int { return through(ctx) }).WithTimeout(10 * time.Second).Should(BeZero())
		Expect(second.Clear(ctx)).To(Succeed())
		Expect(first.Clear(ctx)).To(Succeed())
		Eventually(ctx, func() int { return through(ctx) }).WithTimeout(30 * time.Second).Should(BeNumerically(">", 20))
		Eventually(ctx, func() []string { return problems(ctx, l) }).WithTimeout(30 * time.Second).Should(BeEmpty())
	})

	It("come back with a router that was killed", func(ctx SpecContext) {
		killed := l.Inject(ctx, &fault.Kill{Node: "r2"})
		Expect(killed.Clear(ctx)).To(Succeed())
		Eventually(ctx, func() int { return through(ctx) }).WithTimeout(30 * time.Second).Should(BeNumerically(">", 20))
		Eventually(ctx, func() []string { return problems(ctx, l) }).WithTimeout(30 * time.Second).Should(BeEmpty())
	})
})
