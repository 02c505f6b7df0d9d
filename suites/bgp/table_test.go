package bgp_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ = Describe("A table of 20,000 routes from a generator", Label("bgp", "table", "slow"), Ordered, Serial, func() {
	var l *labtest.Lab
	BeforeAll(func(ctx SpecContext) {
		s := labtest.Load("full-table")
		s.Spec.Routers[0].BGP.Table.Routes = 20_000
		l = labtest.Up(ctx, "table", s)
	})
	look := func(within time.Duration) check.Check {
		return &check.FullTable{Of: "feed", Routers: []string{"r1", "r2"}, From: "client", Within: scenario.Duration(within)}
	}

	It("is in the kernels of FRR and BIRD, and sampled addresses answer", func(ctx SpecContext) {
		Expect(l.Judge(ctx, look(labtest.Patience(time.Minute)))).To(labtest.Hold())
	})

	It("leaves the kernel when the session is shut, and comes back afterwards (the first half is the negative control)", Label("negative-control"), func(ctx SpecContext) {
		f := l.Inject(ctx, &fault.BGPShut{Router: "r1", Peer: "feed"})
		Eventually(ctx, func() string {
			return l.Judge(ctx, look(time.Millisecond))[0].Observed
		}).WithTimeout(labtest.Patience(time.Minute)).Should(HaveSuffix("r1 has 0 prefixes"))
		Expect(l.Judge(ctx, look(time.Millisecond))[0].Verdict).To(Equal(check.Failed))
		Expect(f.Clear(ctx)).To(Succeed())
		Expect(l.Judge(ctx, look(labtest.Patience(time.Minute)))).To(labtest.Hold())
	})
})
