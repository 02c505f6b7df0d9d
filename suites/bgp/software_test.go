package bgp_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// Cilium's peers run different software: r1 FRR, r2 BIRD, r3 GoBGP. Behind each router is a client with the software's
// name. Slow, for its cluster alone; `make routers` runs every software without a cluster.
var _ = Describe("Cilium's peer, a router with", Label("bgp", "cilium", "software", "slow"), func() {
	within := scenario.Duration(labtest.Patience(60 * time.Second))
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) { l = labtest.Look(ctx, "cilium-any-router") })

	routes := func(ctx context.Context, router string, hops int, within scenario.Duration) []check.Result {
		return check.Run(ctx, l.Lab, &check.Routes{
			Routers: []string{router}, To: []scenario.Target{scenario.TargetPod, scenario.TargetLoadBalancer}, Workload: "echo", NextHops: hops, Within: within,
		})
	}
	for i, software := range []scenario.Software{"frr", "bird", "gobgp"} {
		router := fmt.Sprintf("r%d", i+1)
		Context(string(software)+",", Label(string(software)), func() {
			It("has a session with every node", func(ctx SpecContext) {
				Eventually(ctx, l.Established).WithArguments(router).WithTimeout(within.Std()).WithPolling(labtest.Often).Should(ConsistOf(l.AllNodes()))
			})

			It("has each pod CIDR via its node and a LoadBalancer address via both, in RIB and FIB", func(ctx SpecContext) {
				Expect(routes(ctx, router, 2, within)).To(labtest.Hold())
			})

			It("has no third next hop to a LoadBalancer address (negative control)", Label("negative-control"), func(ctx SpecContext) {
				Expect(routes(ctx, router, 3, scenario.Duration(2*time.Second))).To(ContainElement(HaveField("Verdict", check.Failed)))
			})

			It("carries a client's packets to every kind of address, with the client's own source address", func(ctx SpecContext) {
				Expect(check.Run(ctx, l.Lab, &check.Reach{
					From: string(software), Workload: "echo", Source: string(software), Within: within,
					To: []scenario.Target{scenario.TargetPod, scenario.TargetClusterIP, scenario.TargetExternalIP, scenario.TargetLoadBalancer},
				})).To(labtest.Hold())
			})
		})
	}
})
