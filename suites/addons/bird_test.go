package addons_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// soon bounds the checks of a lab in its base state.
var soon = scenario.Duration(labtest.Patience(10 * time.Second))

// hang pauses the BIRD process of a node (SIGSTOP) until the spec ends.
func hang(ctx context.Context, in *fault.Injector, node string) *fault.Active {
	GinkgoHelper()
	f, err := in.Inject(ctx, &fault.PauseProcess{Node: node, Process: "bird"})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) { Expect(f.Clear(ctx)).To(Succeed()) })
	return f
}

// ways counts the next hops in r1's FIB to all pods.
func ways(ctx context.Context, l *labtest.Lab) int {
	GinkgoHelper()
	r1, err := l.Router("r1")
	Expect(err).NotTo(HaveOccurred())
	fib, err := r1.FIB(ctx)
	Expect(err).NotTo(HaveOccurred())
	route, _ := bgp.Find(fib, l.Plan.Cluster.PodCIDR)
	return len(route.NextHops)
}

// one runs one check without a fault.
func one(ctx context.Context, l *labtest.Lab, c check.Check) []check.Result {
	return check.Run(ctx, l.Lab, c)
}

// podsAnswer demands that every pod answers the client.
func podsAnswer(within scenario.Duration) check.Check {
	return &check.Reach{From: "client", To: []scenario.Target{scenario.TargetPod}, Workload: "echo", Source: "client", Within: within}
}

// silent demands that flows to a pod have answers again within a time after one of the entry nodes falls silent. The
// node's link stays up: if the port were down, the bridge would flood the frames to all other ports, and Cilium on the
// pod's node would accept them.
func silent(within time.Duration) check.Check {
	return &check.Failover{
		Fault: scenario.FaultOf(&fault.Partition{Node: "control-plane", Peer: "r1"}), Measure: check.MeasureInject,
		Probe:     scenario.Probe{From: "client", To: scenario.TargetPod, Workload: "echo", Proto: "udp", Every: scenario.Duration(4 * time.Millisecond), Flows: 16},
		MaxOutage: scenario.Duration(within),
	}
}

var _ = Describe("BIRD on every node", Label("cilium-bird", "addons", "slow"), func() {
	It("announces the whole pod CIDR via every node, and the client reaches every pod", func(ctx SpecContext) {
		Expect(quick(ctx, up(ctx, "cilium-bird", "cilium-bird/scenario.yaml"))).To(labtest.Hold())
	})

	It("lets packets enter at nodes without the pod", func(ctx SpecContext) {
		l := up(ctx, "cilium-bird", "cilium-bird/scenario.yaml")
		Expect(one(ctx, l, &check.Entry{From: "client", Workload: "echo", At: check.EntryAll, Within: soon})).To(labtest.Hold())
		own := one(ctx, l, &check.Entry{From: "client", Workload: "echo", At: check.EntryOwn, Within: scenario.Duration(time.Second)})
		Expect(own).To(ConsistOf(HaveField("Verdict", check.Failed)))
	})

	It("keeps every pod reachable while one node has a session, and no pod after the last session ends", Label("failover", "negative"), func(ctx SpecContext) {
		l := up(ctx, "cilium-bird", "cilium-bird/scenario.yaml")
		in, err := fault.On(l.Lab, nil)
		Expect(err).NotTo(HaveOccurred())
		var hung []*fault.Active
		for i, n := range l.Plan.Cluster.Nodes {
			hung = append(hung, hang(ctx, in, n.Short))
			left := len(l.Plan.Cluster.Nodes) - 1 - i
			Eventually(ctx, func() int { return ways(ctx, l) }).WithTimeout(soon.Std()).Should(Equal(left), "next hops after BIRD on %s hung", n.Short)
			if left > 0 {
				Expect(one(ctx, l, podsAnswer(soon))).To(labtest.Hold(), "with %d sessions left", left)
			}
		}
		Expect(one(ctx, l, podsAnswer(scenario.Duration(2*time.Second)))).To(ConsistOf(HaveField("Verdict", check.Failed)))
		for _, f := range hung {
			Expect(f.Clear(ctx)).To(Succeed())
		}
		Expect(one(ctx, l, podsAnswer(scenario.Duration(labtest.Patience(30*time.Second))))).To(labtest.Hold())
	})

	It("moves flows away from a silent node within two seconds by BFD", Label("failover"), func(ctx SpecContext) {
		l := up(ctx, "cilium-bird", "cilium-bird/scenario.yaml")
		Expect(l.Judge(ctx, silent(2*time.Second))).To(labtest.Hold())
	})

	It("does not move flows away from a silent node within two seconds without BFD (negative control)", Label("failover", "negative"), func(ctx SpecContext) {
		l := up(ctx, "cilium-bird-hold-time", "cilium-bird/hold-time.yaml")
		Expect(l.Judge(ctx, silent(2*time.Second))).To(ConsistOf(HaveField("Verdict", check.Failed)))
	})
})

var _ = Describe("MetalLB behind BIRD on the same node", Label("cilium-bird", "cilium-bird-metallb", "addons", "slow"), func() {
	It("gives BIRD the addresses of Services, and BIRD announces the addresses and the pods to the router", func(ctx SpecContext) {
		Expect(quick(ctx, up(ctx, "cilium-bird-metallb", "cilium-bird/metallb.yaml"))).To(labtest.Hold())
	})
})
