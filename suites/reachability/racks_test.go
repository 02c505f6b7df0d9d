package reachability_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ = Describe("A cluster in two racks", Label("reachability", "cilium", "bgp", "racks", "slow", "cilium-two-racks"), func() {
	open := func(ctx SpecContext) *labtest.Lab { return labtest.Open(ctx, "cilium-two-racks") }

	It("routes to pods via their node within a rack, and via the rack's router between racks", func(ctx SpecContext) {
		Expect(inside(ctx, open(ctx), &check.NodeRoutes{Within: soon})).To(labtest.Hold())
	})

	It("sends packets between pods of two racks without encapsulation", func(ctx SpecContext) {
		Expect(inside(ctx, open(ctx), &check.Wire{Between: []string{"worker", "worker2"},
			Encapsulation: check.EncapsulationNone, Workload: "echo", Within: soon})).To(labtest.Hold())
	})

	origins(open, "echo",
		Entry("at every pod IP, from a pod in the first rack", "pod/echo@worker", scenario.TargetPod),
		Entry("at every pod IP, from a pod in the second rack", "pod/echo@worker2", scenario.TargetPod),
		Entry("at the LoadBalancer IP, from beyond the racks", "client", scenario.TargetLoadBalancer),
	)
})
