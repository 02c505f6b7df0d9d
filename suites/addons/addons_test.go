package addons_test

import (
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// up brings up the lab of a scenario file. If this machine cannot run the lab, up skips the spec with the reason.
func up(ctx SpecContext, name, file string) *labtest.Lab {
	GinkgoHelper()
	s, err := scenario.Load(filepath.Join(labtest.Source(), "scenarios", file), lab.Kinds())
	Expect(err).NotTo(HaveOccurred())
	skip, err := lab.Obstacle(ctx, s)
	Expect(err).NotTo(HaveOccurred())
	if skip != nil {
		Skip(skip.Reason)
	}
	return labtest.Up(ctx, name, s)
}

// quick returns the results of the lab's checks without a fault.
func quick(ctx SpecContext, l *labtest.Lab) []check.Result {
	return check.Look(ctx, l.Lab, check.Of(l.Plan.Scenario), nil)
}

// taken demands that another node answers for the address within a time after the death of the answering node.
func taken(within time.Duration) check.Check {
	return &check.Lease{
		Probe:     scenario.Probe{From: "client", To: scenario.TargetLoadBalancer, Workload: "echo", Proto: "udp", Every: scenario.DefaultEvery, Flows: 1},
		MaxOutage: scenario.Duration(within),
	}
}

// frozen demands that a flow has answers again, within the hold time of the routers, after a worker falls silent.
func frozen() check.Check {
	return &check.Failover{
		Fault: scenario.FaultOf(&fault.Pause{Node: "worker"}), Measure: check.MeasureInject,
		Probe:     scenario.Probe{From: "client", To: scenario.TargetLoadBalancer, Workload: "echo", Proto: "udp", Every: scenario.Duration(5 * time.Millisecond), Flows: 8},
		MaxOutage: scenario.Duration(byHoldTime),
	}
}

// confine sets a DaemonSet's nodeSelector, in JSON: {"no":"node"} ends all pods, and null lets them run on every node.
func confine(ctx SpecContext, l *labtest.Lab, namespace, name, selector string) {
	GinkgoHelper()
	patch := []byte(`{"spec":{"template":{"spec":{"nodeSelector":` + selector + `}}}}`)
	_, err := l.Kube.Client.AppsV1().DaemonSets(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	Expect(err).NotTo(HaveOccurred())
}

const (
	// byGossip is the bound of memberlist between three speakers, 8 s, plus 2 s for the takeover.
	byGossip = 10 * time.Second
	// byHoldTime is a hold time of 9 s, plus 1 s for the withdrawal.
	byHoldTime = 10 * time.Second
	// byLease is kube-vip's lease of 3 s and two pauses between tries of 1 s, 7.4 s, plus 2 s for the takeover. With a lease of
	// 15 s, the outage lasts at least 14 s.
	byLease = 9400 * time.Millisecond
)

var _ = Describe("MetalLB in layer 2 mode", Label("metallb-l2", "addons", "slow"), func() {
	It("answers ARP for an address from one node, and the client reaches it", func(ctx SpecContext) {
		Expect(quick(ctx, up(ctx, "metallb-l2", "metallb-l2/scenario.yaml"))).To(labtest.Hold())
	})

	It("moves the address within the bound of the speakers' gossip when the answering node dies", Label("failover"), func(ctx SpecContext) {
		l := up(ctx, "metallb-l2", "metallb-l2/scenario.yaml")
		Expect(l.Judge(ctx, taken(byGossip))).To(labtest.Hold())
	})

	It("does not move the address within that bound without gossip (negative control)", Label("failover", "negative-control"), func(ctx SpecContext) {
		l := up(ctx, "metallb-l2-silent", "metallb-l2/no-memberlist.yaml")
		Expect(l.Judge(ctx, taken(byGossip))).To(ConsistOf(HaveField("Verdict", check.Failed)))
	})
})

var _ = Describe("MetalLB with FRR", Label("metallb-frr", "addons", "slow"), func() {
	It("has a session with every node and a route via each worker", func(ctx SpecContext) {
		Expect(quick(ctx, up(ctx, "metallb-frr", "metallb-frr/scenario.yaml"))).To(labtest.Hold())
	})

	It("loses the route of a silent node when the hold time is over", Label("failover"), func(ctx SpecContext) {
		l := up(ctx, "metallb-frr", "metallb-frr/scenario.yaml")
		Expect(l.Judge(ctx, frozen())).To(labtest.Hold())
	})

	It("keeps the route of a silent node while a long hold time runs (negative control)", Label("failover", "negative-control"), func(ctx SpecContext) {
		l := up(ctx, "metallb-frr-slow", "metallb-frr/slow-hold.yaml")
		Expect(l.Judge(ctx, frozen())).To(ConsistOf(HaveField("Verdict", check.Failed)))
	})
})

var _ = Describe("kube-vip with a lease for each Service", Label("kube-vip-l2", "addons", "slow"), func() {
	It("answers ARP for an address from the lease's holder, and the client reaches the address", func(ctx SpecContext) {
		Expect(quick(ctx, up(ctx, "kube-vip-l2", "kube-vip-l2/scenario.yaml"))).To(labtest.Hold())
	})

	It("moves the address within the bound of the lease when the holder dies", Label("failover"), func(ctx SpecContext) {
		l := up(ctx, "kube-vip-l2", "kube-vip-l2/scenario.yaml")
		Expect(l.Judge(ctx, taken(byLease))).To(labtest.Hold())
	})

	It("does not move the address within that bound with a lease of 15 seconds (negative control)", Label("failover", "negative-control"), func(ctx SpecContext) {
		l := up(ctx, "kube-vip-l2-slow-lease", "kube-vip-l2/slow-lease.yaml")
		Expect(l.Judge(ctx, taken(byLease))).To(ConsistOf(HaveField("Verdict", check.Failed)))
	})
})

var _ = DescribeTable("A scenario without a suite of its own passes all its checks", Label("addons", "slow"), func(ctx SpecContext, name string) {
	Expect(quick(ctx, up(ctx, name, name+"/scenario.yaml"))).To(labtest.Hold())
},
	Entry("kube-router between two routers", Label("kube-router-bgp"), "kube-router-bgp"),
	Entry("Cilium, kube-router and PureLB together", Label("cilium-kube-router-purelb"), "cilium-kube-router-purelb"),
	Entry("kube-vip between two routers", Label("kube-vip-bgp"), "kube-vip-bgp"),
	Entry("Calico with BGP alone", Label("calico-bgp"), "calico-bgp"),
	Entry("Calico with IPIP", Label("calico-ipip"), "calico-ipip"),
	Entry("BIRD alone as Cilium's peer", Label("bird-peer"), "bird-peer"),
	Entry("GoBGP alone as Cilium's peer", Label("gobgp-peer"), "gobgp-peer"),
)
