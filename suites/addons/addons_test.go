package addons_test

import (
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// up brings the lab of a scenario's file up, or skips the spec with the reason why this machine cannot run it.
func up(ctx SpecContext, name, file string) *labtest.Lab {
	GinkgoHelper()
	s, err := scenario.Load(filepath.Join(labtest.Source(), "scenarios", file), lab.Kinds())
	Expect(err).NotTo(HaveOccurred())
	skip, err := lab.Obstacle(ctx, s, labtest.Source())
	Expect(err).NotTo(HaveOccurred())
	if skip != nil {
		Skip(skip.Reason)
	}
	return labtest.Up(ctx, name, s)
}

// alone makes a lab's only check the one given.
func alone(l *labtest.Lab, c scenario.Check) *lab.Lab {
	own := l.Plan.Scenario.Spec.Checks
	DeferCleanup(func() { l.Plan.Scenario.Spec.Checks = own })
	l.Plan.Scenario.Spec.Checks = []scenario.Check{c}
	return l.Lab
}

// quick are the checks of a lab that only look.
func quick(ctx SpecContext, l *labtest.Lab) []check.Result { return l.Check(ctx, nil) }

// taken wants another node to answer for the address within so long of the death of the one that does.
func taken(within time.Duration) scenario.Check {
	return scenario.Check{Lease: &scenario.Lease{
		Probe:     scenario.Probe{From: "client", To: scenario.TargetLoadBalancer, Workload: "echo", Proto: "udp", Every: scenario.DefaultEvery, Flows: 1},
		MaxOutage: scenario.Duration(within),
	}}
}

// frozen wants a flow to be answered again within so long of a worker's falling silent.
func frozen(within time.Duration) scenario.Check {
	return scenario.Check{Failover: &scenario.Failover{
		Fault: scenario.Fault{Pause: "worker"}, Measure: scenario.MeasureInject,
		Probe:     scenario.Probe{From: "client", To: scenario.TargetLoadBalancer, Workload: "echo", Proto: "udp", Every: scenario.Duration(5 * time.Millisecond), Flows: 8},
		MaxOutage: scenario.Duration(within),
	}}
}

const (
	// byGossip is the bound of three speakers' memberlist, 8 s, and what carrying the decision out may take.
	byGossip = 10 * time.Second
	// byHoldTime is a hold time of 9 s and the same.
	byHoldTime = 10 * time.Second
)

var _ = Describe("MetalLB in layer 2 mode", Label("metallb-l2", "addons", "slow"), func() {
	It("answers ARP for an address from one node, and the client reaches it", func(ctx SpecContext) {
		Expect(quick(ctx, up(ctx, "metallb-l2", "metallb-l2/scenario.yaml"))).To(labtest.Hold())
	})

	It("moves the address within the bound of its speakers' gossip when that node dies", Label("failover"), func(ctx SpecContext) {
		l := up(ctx, "metallb-l2", "metallb-l2/scenario.yaml")
		Expect(alone(l, taken(byGossip)).Test(ctx, lab.TestOptions{})).To(labtest.Hold())
	})

	It("does not without gossip (negative control)", Label("failover", "negative-control"), func(ctx SpecContext) {
		l := up(ctx, "metallb-l2-silent", "metallb-l2/no-memberlist.yaml")
		Expect(alone(l, taken(byGossip)).Test(ctx, lab.TestOptions{})).To(ConsistOf(HaveField("Verdict", check.Failed)))
	})
})

var _ = Describe("MetalLB with FRR", Label("metallb-frr", "addons", "slow"), func() {
	It("has a session from every node and a route by way of each worker", func(ctx SpecContext) {
		Expect(quick(ctx, up(ctx, "metallb-frr", "metallb-frr/scenario.yaml"))).To(labtest.Hold())
	})

	It("loses a silent node's route when the hold time is over", Label("failover"), func(ctx SpecContext) {
		l := up(ctx, "metallb-frr", "metallb-frr/scenario.yaml")
		Expect(alone(l, frozen(byHoldTime)).Test(ctx, lab.TestOptions{})).To(labtest.Hold())
	})

	It("keeps it with a long hold time (negative control)", Label("failover", "negative-control"), func(ctx SpecContext) {
		l := up(ctx, "metallb-frr-slow", "metallb-frr/slow-hold.yaml")
		Expect(alone(l, frozen(byHoldTime)).Test(ctx, lab.TestOptions{})).To(ConsistOf(HaveField("Verdict", check.Failed)))
	})
})

var _ = DescribeTable("A scenario that no other spec brings up keeps what it promises", Label("addons", "slow"), func(ctx SpecContext, name string) {
	Expect(quick(ctx, up(ctx, name, name+"/scenario.yaml"))).To(labtest.Hold())
},
	Entry("kube-router between two routers", Label("kube-router-bgp"), "kube-router-bgp"),
	Entry("Cilium, kube-router and PureLB together", Label("cilium-kube-router-purelb"), "cilium-kube-router-purelb"),
	Entry("Calico with BGP alone", Label("calico-bgp"), "calico-bgp"),
	Entry("Calico with IPIP", Label("calico-ipip"), "calico-ipip"),
	Entry("BIRD alone as Cilium's peer", Label("bird-peer"), "bird-peer"),
	Entry("GoBGP alone as Cilium's peer", Label("gobgp-peer"), "gobgp-peer"),
)
