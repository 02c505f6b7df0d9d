package bgp_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// shares judges the shares of the client's flows that each node carries, by weights; a node without a weight has 1.
func shares(ctx SpecContext, l *labtest.Lab, weights map[string]int, within time.Duration) []check.Result {
	GinkgoHelper()
	return check.Run(ctx, l.Lab, &check.Spread{
		From: "client", To: scenario.TargetLoadBalancer, Workload: "echo", Over: l.AllNodes(), Weights: weights,
		Tolerance: 10, Flows: check.DefaultSpreadFlows, Within: scenario.Duration(within),
	})
}

var _ = Describe("The routers' spread of a client's flows", Label("bgp", "cilium", "frr", "ecmp", "spread"), func() {
	It("is equal over all nodes, within 10 percentage points", func(ctx SpecContext) {
		l := labtest.Look(ctx, "cilium-bgp-vrrp")
		Expect(shares(ctx, l, nil, labtest.Patience(30*time.Second))).To(labtest.Hold())
	})

	It("is equal over the other nodes after one node stops BGP, and that node carries no flow", func(ctx SpecContext) {
		l := labtest.Open(ctx, "cilium-bgp-vrrp")
		speakers(ctx, l)
		l.LabelNode(ctx, "worker", away, "yes")
		Expect(shares(ctx, l, map[string]int{"worker": 0}, changeWithin)).To(labtest.Hold())
		Expect(shares(ctx, l, nil, time.Second)).To(ConsistOf(HaveField("Verdict", check.Failed)), "equal shares of all nodes")
	})

	It("is not the one of wrong weights (negative control)", Label("negative-control"), func(ctx SpecContext) {
		l := labtest.Look(ctx, "cilium-bgp-vrrp")
		Expect(shares(ctx, l, map[string]int{"worker": 3}, time.Second)).To(ConsistOf(And(
			HaveField("Verdict", check.Failed), HaveField("Observed", ContainSubstring("512 of 512 flows answered")))))
	})
})
