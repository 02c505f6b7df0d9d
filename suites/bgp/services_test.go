package bgp_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ = Describe("Many LoadBalancer Services", Label("bgp", "cilium", "frr", "services", "slow"), Serial, func() {
	judge := func(ctx SpecContext, count int, within time.Duration) []check.Result {
		l := labtest.Open(ctx, "cilium-bgp-vrrp")
		return l.Judge(ctx, &check.Services{Count: count, Workload: "echo", Routers: []string{"r1", "r2"}, From: "client", Within: scenario.Duration(within)})
	}

	It("of 100, each is in the RIB and the FIB of both routers and answers, and a deleted Service is withdrawn alone", func(ctx SpecContext) {
		Expect(judge(ctx, 100, labtest.Patience(time.Minute))).To(labtest.Hold())
	})

	It("of 270 do not all get an address from a pool of 254 (negative control)", Label("negative-control"), func(ctx SpecContext) {
		Expect(judge(ctx, 270, labtest.Patience(20*time.Second))).To(ConsistOf(And(
			HaveField("Verdict", check.Failed), HaveField("Observed", MatchRegexp(`25\d of 270 Services have an address`)))))
	})
})
