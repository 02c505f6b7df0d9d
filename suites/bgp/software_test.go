package bgp_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// Cilium's peer runs software other than FRR.
var _ = Describe("A router that does not run FRR", Label("bgp", "cilium"), func() {
	const within = scenario.Duration(60 * time.Second)
	routes := func(hops int, within scenario.Duration) scenario.Check {
		return scenario.Check{Routes: &scenario.Routes{
			To: []scenario.Target{scenario.TargetPod, scenario.TargetLoadBalancer}, Workload: "echo", NextHops: hops, Within: within,
		}}
	}
	for _, software := range []scenario.Software{scenario.BIRD, scenario.GoBGP} {
		Context("but "+string(software), Label(string(software)), func() {
			var l *labtest.Lab
			BeforeEach(func(ctx SpecContext) { l = labtest.Open(ctx, string(software)+"-peer") })

			It("has a session with every node", func(ctx SpecContext) {
				sessions := scenario.Check{Sessions: &scenario.Sessions{Established: "all", Within: within}}
				Expect(check.Run(ctx, l, l.Plan, sessions)).To(labtest.Hold())
			})

			It("has each pod CIDR by way of its node and a LoadBalancer address by way of both, in RIB and FIB", func(ctx SpecContext) {
				Expect(check.Run(ctx, l, l.Plan, routes(2, within))).To(labtest.Hold())
			})

			It("has no third way to a LoadBalancer address (negative control)", Label("negative-control"), func(ctx SpecContext) {
				results := check.Run(ctx, l, l.Plan, routes(3, scenario.Duration(2*time.Second)))
				Expect(results).To(ContainElement(HaveField("Verdict", check.Failed)))
			})

			It("carries a client's packets to every kind of address, with the client's own as their source", func(ctx SpecContext) {
				reach := scenario.Check{Reach: &scenario.Reach{
					From: "client", Workload: "echo", Source: "client", Within: within,
					To: []scenario.Target{scenario.TargetPod, scenario.TargetClusterIP, scenario.TargetExternalIP, scenario.TargetLoadBalancer},
				}}
				Expect(check.Run(ctx, l, l.Plan, reach)).To(labtest.Hold())
			})
		})
	}
})
