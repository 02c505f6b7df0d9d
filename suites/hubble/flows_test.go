package hubble_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ = Describe("Hubble's relay", Label("hubble", "cilium", "slow"), func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) { l = labtest.Open(ctx, "hubble") })

	flows := func(verdict string) check.Check {
		return &check.Flows{From: "client", To: scenario.TargetLoadBalancer, Workload: "echo",
			Verdict: verdict, Within: scenario.Duration(labtest.Patience(30 * time.Second))}
	}

	It("reports each forwarded connection of a client, with the pod", func(ctx SpecContext) {
		Expect(check.Run(ctx, l.Lab, flows(check.FlowForwarded))).To(labtest.Hold())
	})

	It("reports the same connections as dropped while a policy denies them (negative control)", Label("negative-control"), func(ctx SpecContext) {
		Expect(check.Run(ctx, l.Lab, flows(check.FlowDropped))).To(labtest.Hold())
	})
})
