package reachability_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ = Describe("A client beyond the routers", Label("reachability", "cilium", "bgp", "dsr"), func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) { l = labtest.Look(ctx, "cilium-bgp-vrrp") })

	reach := func(ctx SpecContext, r check.Reach) []check.Result {
		return check.Run(ctx, l.Lab, &r)
	}

	DescribeTable("is answered, and the pod sees the client's own address", func(ctx SpecContext, to scenario.Target) {
		Expect(reach(ctx, check.Reach{From: "client", To: []scenario.Target{to}, Workload: "echo", Source: "client", Within: scenario.Duration(labtest.Patience(20 * time.Second))})).To(labtest.Hold())
	},
		Entry("at every pod IP", scenario.TargetPod),
		Entry("at the ClusterIP", scenario.TargetClusterIP),
		Entry("at the ExternalIP", scenario.TargetExternalIP),
		Entry("at the LoadBalancer IP", scenario.TargetLoadBalancer),
		Entry("at every node's NodePort", scenario.TargetNodePort),
	)

	It("gets a thousand answers within four seconds from the LoadBalancer IP without a loss", func(ctx SpecContext) {
		for _, r := range l.Probe(ctx, "client", "loadBalancer/echo", 500, 4*time.Second).Wait(ctx) {
			Expect(r).To(labtest.LoseAtMost(0))
			Expect(r.Sent).To(BeNumerically(">=", 1000), "a busy machine may leave out half of the attempts")
			for _, by := range r.AnsweredBy {
				Expect(by.Source).To(Equal(l.Plan.Clients[0].Network.Address.String()))
			}
		}
	})

	It("shares the service with the nodes: a pod answers every node via the LoadBalancer IP", func(ctx SpecContext) {
		for _, n := range l.Plan.Cluster.Nodes {
			Expect(reach(ctx, check.Reach{From: n.Short, To: []scenario.Target{scenario.TargetLoadBalancer}, Workload: "echo", Source: "any", Within: scenario.Duration(labtest.Patience(20 * time.Second))})).To(labtest.Hold())
		}
	})

	It("gets no answer if the routers' FIB has no usable route, although BGP has the route (negative control)", Label("negative-control"), func(ctx SpecContext) {
		l = labtest.Open(ctx, "cilium-bgp-vrrp")
		endpoints, err := l.Endpoints(ctx, "echo")
		Expect(err).NotTo(HaveOccurred())
		vip := endpoints.LoadBalancerIPs[0].String() + "/32"
		blackhole := func(ctx SpecContext, verb string) {
			for _, r := range l.Plan.Routers {
				n, err := l.Node(r.Name)
				Expect(err).NotTo(HaveOccurred())
				_, err = n.Exec(ctx, "ip", "route", verb, "blackhole", vip, "metric", "1")
				Expect(err).NotTo(HaveOccurred())
			}
		}
		DeferCleanup(func(ctx SpecContext) { blackhole(ctx, "del") })
		blackhole(ctx, "add")
		results := reach(ctx, check.Reach{From: "client", To: []scenario.Target{scenario.TargetLoadBalancer}, Workload: "echo", Source: "client", Within: scenario.Duration(2 * time.Second)})
		Expect(results).To(HaveLen(1))
		Expect(results[0].Verdict).To(Equal(check.Failed))
	})
})
