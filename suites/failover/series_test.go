package failover_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// carryingOut is the allowance for the failover beyond the timers, as in the scenario's own checks.
const carryingOut = 300 * time.Millisecond

// series is the default lab under several flows and a sequence of faults.
type series struct {
	*labtest.Lab
	faults  *fault.Injector
	running *labtest.Running
}

func open(ctx SpecContext) *series {
	GinkgoHelper()
	s := &series{Lab: labtest.Open(ctx, "cilium-bgp-vrrp")}
	s.masterIs(ctx, "r1")
	var err error
	s.faults, err = fault.On(s.Lab.Lab, nil)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		_, err := s.faults.ClearAll(ctx)
		Expect(err).NotTo(HaveOccurred())
		s.masterIs(ctx, "r1")
	})
	return s
}

// atMost ends flows if a spec fails to stop them.
const atMost = 5 * time.Minute

// flow starts several flows to a workload's LoadBalancer address.
func (s *series) flow(ctx context.Context, workload string) {
	GinkgoHelper()
	s.running = s.Flows(ctx, flows, "client", "loadBalancer/"+workload, 200, atMost)
}

// cost ends the flows, expects outages of at most atMost in total for each flow, and writes the outages to the run's
// report.
func (s *series) cost(ctx context.Context, atMost time.Duration, bound string) {
	GinkgoHelper()
	Expect(s.stopped(ctx, fmt.Sprintf("at most %v: %s", atMost.Round(time.Millisecond), bound))).To(HaveEach(labtest.LoseAtMost(atMost)))
}

// stopped ends the flows.
func (s *series) stopped(ctx context.Context, expected string) []probe.Result {
	GinkgoHelper()
	all := s.running.Stop(ctx)
	Expect(all).To(HaveLen(flows))
	sent, lost, worst := 0, 0, time.Duration(0)
	for _, r := range all {
		sent, lost, worst = sent+r.Sent, lost+r.LostAtLeast, max(worst, labtest.Outage(r))
	}
	labtest.Tell(fmt.Sprintf("%d flows", flows), expected, fmt.Sprintf("the worst flow was out for %v; lost %d of %d; the prober stood still for at most %.0f ms",
		worst.Round(time.Millisecond), lost, sent, all[0].Prober.LongestStall))
	return all
}

func (s *series) inject(ctx context.Context, f fault.Fault) *fault.Active {
	GinkgoHelper()
	a, err := s.faults.Inject(ctx, f)
	Expect(err).NotTo(HaveOccurred())
	return a
}

func (s *series) masterIs(ctx context.Context, router string) {
	GinkgoHelper()
	Eventually(ctx, s.HolderOf).WithArguments("gw").WithTimeout(labtest.Patience(30*time.Second)).WithPolling(labtest.Often).Should(Equal(router), "who holds the gateway")
}

func (s *series) sessionsAreUp(ctx context.Context, router string) {
	GinkgoHelper()
	Eventually(ctx, s.Established).WithArguments(router).WithTimeout(labtest.Patience(time.Minute)).WithPolling(labtest.Often).Should(ConsistOf(s.AllNodes()))
}

func (s *series) exec(ctx context.Context, cmd ...string) {
	GinkgoHelper()
	n, err := s.Node("control-plane")
	Expect(err).NotTo(HaveOccurred())
	out, err := n.Exec(ctx, cmd...)
	Expect(err).NotTo(HaveOccurred(), string(out))
}

// oneFailover bounds the outage of a failover of the gateway.
func (s *series) oneFailover() time.Duration {
	for _, g := range s.Plan.Gateways {
		return bound.VRRP{Advert: g.AdvertInterval, Priority: g.Members[1].Priority}.Silent().Max + carryingOut
	}
	return 0
}

var _ = Describe("With several flows, a series of faults", Label("failover", "bgp", "slow"), Serial, func() {
	It("costs one failover of the gateway if both routers are restarted in turn", Label("vrrp"), func(ctx SpecContext) {
		s := open(ctx)
		s.flow(ctx, "echo")
		for _, name := range []string{"r2", "r1"} {
			r, err := s.Router(name)
			Expect(err).NotTo(HaveOccurred())
			Expect(r.Restart(ctx)).To(Succeed())
			s.sessionsAreUp(ctx, name)
		}
		s.masterIs(ctx, "r1")
		s.cost(ctx, s.oneFailover(), "one failover of the gateway")
	})

	It("costs more than one failover if both routers are restarted together (negative control)", Label("vrrp", "negative-control"), func(ctx SpecContext) {
		s := open(ctx)
		s.flow(ctx, "echo")
		both := []*fault.Active{s.inject(ctx, &fault.Kill{Node: "r1"}), s.inject(ctx, &fault.Kill{Node: "r2"})}
		for i, name := range []string{"r1", "r2"} {
			Expect(both[i].Clear(ctx)).To(Succeed())
			s.sessionsAreUp(ctx, name)
		}
		Expect(s.stopped(ctx, fmt.Sprintf("more than a failover of the gateway, %v", s.oneFailover()))).To(HaveEach(Not(labtest.LoseAtMost(s.oneFailover()))))
	})

	It("costs one failover for each flap of the master's link", Label("vrrp"), func(ctx SpecContext) {
		s := open(ctx)
		s.flow(ctx, "echo")
		const interval, times = 3 * time.Second, 3
		flap := s.inject(ctx, &fault.Flap{Node: "r1", Network: "fabric",
			Interval: scenario.Duration(interval), Lasting: fault.Lasting{For: scenario.Duration(2 * times * interval)}})
		Expect(flap.Wait(ctx)).To(Succeed())
		s.masterIs(ctx, "r1")
		s.cost(ctx, times*s.oneFailover(), fmt.Sprintf("%d failovers of the gateway", times))
	})

	It("costs one failover if the master dies while a node is cut off", Label("vrrp", "node"), func(ctx SpecContext) {
		s := open(ctx)
		s.inject(ctx, &fault.LinkDown{Node: "worker", Network: "fabric"})
		for _, r := range []string{"r1", "r2"} {
			Eventually(ctx, s.Established).WithArguments(r).WithTimeout(labtest.Patience(20 * time.Second)).WithPolling(labtest.Often).ShouldNot(ContainElement("worker"))
		}
		s.flow(ctx, "local")
		s.inject(ctx, &fault.Kill{Node: "r1"})
		s.masterIs(ctx, "r2")
		s.cost(ctx, s.oneFailover(), "one failover of the gateway")
	})

	It("costs less than a second while Cilium is restarted node by node", Label("agent"), func(ctx SpecContext) {
		s := open(ctx)
		s.flow(ctx, "echo")
		s.exec(ctx, "kubectl", "-n", "kube-system", "rollout", "restart", "daemonset/cilium")
		s.exec(ctx, "kubectl", "-n", "kube-system", "rollout", "status", "daemonset/cilium", "--timeout=4m")
		s.sessionsAreUp(ctx, "r1")
		s.cost(ctx, time.Second, "agents restart gracefully")
	})

	It("costs less than two seconds for each drained node", Label("node"), func(ctx SpecContext) {
		s := open(ctx)
		s.flow(ctx, "local")
		drained := []string{"worker", "worker2"}
		for _, name := range drained {
			drain := s.inject(ctx, &fault.Drain{Node: name})
			Expect(drain.Clear(ctx)).To(Succeed()) // the node's pods find no room beside others, so the pods wait for this
			s.exec(ctx, "kubectl", "rollout", "status", "deployment/local", "--timeout=2m")
		}
		s.cost(ctx, time.Duration(len(drained))*2*time.Second, "a withdrawal for each node")
	})
})
