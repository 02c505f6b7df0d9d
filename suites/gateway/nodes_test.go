package gateway_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ = Describe("A floating address that keepalived holds on cluster nodes", Label("gateway", "vrrp", "floating", "slow"), Serial, func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) { l = labtest.Open(ctx, "cilium-floating") })

	// cut judges a flow at the floating address while the holder has no link.
	cut := func(ctx SpecContext) []check.Result {
		return l.Judge(ctx, &check.Failover{
			Fault:     scenario.FaultOf(&fault.LinkDown{Node: "control-plane", Network: "fabric"}),
			Measure:   check.MeasureInject,
			Probe:     scenario.Probe{From: "client", To: scenario.TargetNodePort, Gateway: "vip", Workload: "echo", Proto: "udp", Every: scenario.DefaultEvery, Flows: 1},
			Tolerance: scenario.Duration(300 * time.Millisecond),
		})
	}

	It("answers at a node port, and moves to the other node within the bound of the adverts when the holder loses its link", Label("failover"), func(ctx SpecContext) {
		Eventually(ctx, l.HolderOf).WithArguments("vip").Within(labtest.Patience(20 * time.Second)).Should(Equal("control-plane"))
		Expect(cut(ctx)).To(labtest.Hold())
	})

	It("answers nowhere while the holder has no link and the other node runs no keepalived (negative control)", Label("failover", "negative-control"), func(ctx SpecContext) {
		backup := l.Inject(ctx, &fault.Stop{Node: "worker-vip"})
		Eventually(ctx, l.HolderOf).WithArguments("vip").Within(labtest.Patience(20 * time.Second)).Should(Equal("control-plane"))
		flow := l.Probe(ctx, "client", "nodePort/echo@vip", 200, time.Minute)
		down := l.Inject(ctx, &fault.LinkDown{Node: "control-plane", Network: "fabric"})
		Consistently(ctx, func(ctx SpecContext) string {
			holder, _ := l.HolderOf(ctx, "vip") // no holder is an error, and right
			return holder
		}).WithTimeout(2 * time.Second).ShouldNot(Equal("worker"))
		for _, r := range flow.Stop(ctx) {
			Expect(r).NotTo(labtest.LoseAtMost(time.Second))
		}
		Expect(down.Clear(ctx)).To(Succeed())
		Expect(backup.Clear(ctx)).To(Succeed())
	})
})
