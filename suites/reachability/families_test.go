package reachability_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ = Describe("A dual-stack cluster", Label("reachability", "cilium", "bgp", "dsr", "dual", "slow", "cilium-dual-stack"), func() {
	open := func(ctx SpecContext) *labtest.Lab { return labtest.Open(ctx, "cilium-dual-stack") }

	It("has a BGP session of each family between every node and every router, and between the routers", func(ctx SpecContext) {
		Expect(inside(ctx, open(ctx), scenario.Check{Sessions: &scenario.Sessions{Established: "all", Within: soon}})).To(labtest.Hold())
	})

	It("has routes of both families by way of all nodes on both routers, in RIB and FIB", func(ctx SpecContext) {
		Expect(inside(ctx, open(ctx), scenario.Check{Routes: &scenario.Routes{Workload: "echo", NextHops: 3, Within: soon,
			To: []scenario.Target{scenario.TargetPod, scenario.TargetClusterIP, scenario.TargetExternalIP, scenario.TargetLoadBalancer}}})).To(labtest.Hold())
	})

	It("leaves packets of both families between pods encapsulated in nothing", func(ctx SpecContext) {
		Expect(inside(ctx, open(ctx), scenario.Check{Wire: &scenario.Wire{Between: []string{"worker", "worker2"},
			Encapsulation: scenario.EncapsulationNone, Workload: "echo", Within: soon}})).To(labtest.Hold())
	})

	origins(open, "echo",
		Entry("at every pod IP of both families", "client", scenario.TargetPod),
		Entry("at the ClusterIPs of both families", "client", scenario.TargetClusterIP),
		Entry("at the ExternalIPs of both families", "client", scenario.TargetExternalIP),
		Entry("at the LoadBalancer IPs of both families", "client", scenario.TargetLoadBalancer),
		Entry("at every NodePort of both families", "client", scenario.TargetNodePort),
		Entry("at the LoadBalancer IPs of both families, found by ARP and NDP", Label("l2"), "neighbour", scenario.TargetLoadBalancer),
		Entry("at the ClusterIPs of both families, from a pod", "pod/echo@worker", scenario.TargetClusterIP),
	)
})
