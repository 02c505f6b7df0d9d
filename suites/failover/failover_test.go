package failover_test

import (
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// killAgents kills every cilium-agent at once, with graceful restart or without.
func killAgents(graceful bool) check.Check {
	return &check.Failover{
		Fault:           scenario.FaultOf(&fault.KillProcess{Node: scenario.AllNodes, Process: "cilium-agent"}),
		Measure:         check.MeasureInject,
		GracefulRestart: &graceful,
		Probe:           scenario.Probe{From: "client", To: scenario.TargetLoadBalancer, Workload: "echo", Proto: "udp", Every: scenario.DefaultEvery, Flows: 1},
		MaxOutage:       scenario.Duration(time.Second),
	}
}

var _ = Describe("Graceful restart", Label("failover", "graceful-restart", "agent"), Serial, func() {
	It("keeps packets flowing while every agent restarts", func(ctx SpecContext) {
		l := labtest.Open(ctx, "cilium-bgp-vrrp")
		Expect(l.Judge(ctx, killAgents(true))).To(labtest.Hold())
	})

	It("is necessary: without graceful restart, packets are lost while every agent restarts (negative control)", Label("negative-control"), func(ctx SpecContext) {
		l := labtest.Open(ctx, "cilium-bgp-vrrp")
		Expect(l.Judge(ctx, killAgents(false))).To(ConsistOf(HaveField("Verdict", check.Failed)))
	})
})

var _ = Describe("Failover and lease checks", Label("failover", "negative-control", "slow"), Serial, func() {
	It("fail in a lab without a second router and a second node", func(ctx SpecContext) {
		s, err := scenario.Load(filepath.Join("testdata", "alone.yaml"), lab.Kinds())
		Expect(err).NotTo(HaveOccurred())
		results := labtest.Up(ctx, "alone", s).Judge(ctx, check.Of(s)...)
		Expect(results).To(HaveLen(2))
		Expect(results).To(HaveEach(HaveField("Verdict", check.Failed)))
	})
})
