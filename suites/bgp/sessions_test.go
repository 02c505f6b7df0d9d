package bgp_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ = Describe("The routers", Label("bgp", "cilium", "frr"), func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) { l = labtest.Look(ctx, "cilium-bgp-vrrp") })

	within := scenario.Duration(labtest.Patience(30 * time.Second))
	sessions := &check.Sessions{Established: "all", Within: within}

	It("have a session with every node and with each other", func(ctx SpecContext) {
		Expect(check.Run(ctx, l.Lab, sessions)).To(labtest.Hold())
	})

	It("negotiate the hold time of both sides' configuration", func(ctx SpecContext) {
		Expect(check.Run(ctx, l.Lab, sessions)).To(labtest.Hold())
		Expect(l.Plan.Routers).NotTo(BeEmpty())
		for _, r := range l.Plan.Routers {
			handle, err := l.Router(r.Name)
			Expect(err).NotTo(HaveOccurred())
			all, err := handle.Sessions(ctx)
			Expect(err).NotTo(HaveOccurred())
			want := len(r.BGP.Neighbors)
			for _, nodes := range r.BGP.Ranges {
				want += nodes.Sessions
			}
			Expect(want).To(BeNumerically(">", 1), "the plan's sessions of %s", r.Name)
			Expect(len(all)).To(BeNumerically(">=", want), "sessions of %s", r.Name)
			for _, s := range all {
				Expect(s.HoldTime).To(Equal(r.BGP.HoldTime), "%s with %s", r.Name, s.Peer)
				Expect(s.Keepalive).To(Equal(r.BGP.Keepalive), "%s with %s", r.Name, s.Peer)
			}
		}
	})

	It("have each node's pod CIDR via that node, and each service address via all three nodes, in RIB and FIB", func(ctx SpecContext) {
		Expect(check.Run(ctx, l.Lab, &check.Routes{
			To:       []scenario.Target{scenario.TargetPod, scenario.TargetClusterIP, scenario.TargetExternalIP, scenario.TargetLoadBalancer},
			Workload: "echo", NextHops: 3, Within: within,
		})).To(labtest.Hold())
	})

	It("lose a session while a router refuses BGP, and regain the session afterwards (negative control)", Label("negative-control"), func(ctx SpecContext) {
		l = labtest.Open(ctx, "cilium-bgp-vrrp")
		r1, err := l.Node("r1")
		Expect(err).NotTo(HaveOccurred())
		configure := func(ctx SpecContext, line string) {
			_, err := r1.Exec(ctx, "vtysh", "-c", "configure terminal", "-c", "router bgp 64513", "-c", line)
			Expect(err).NotTo(HaveOccurred())
		}
		r2 := l.Plan.Routers[1].Networks[0].Address.String()
		DeferCleanup(func(ctx SpecContext) {
			configure(ctx, "no neighbor "+r2+" shutdown")
			Expect(check.Run(ctx, l.Lab, sessions)).To(labtest.Hold())
		})
		configure(ctx, "neighbor "+r2+" shutdown")
		short := &check.Sessions{Established: "all", Within: scenario.Duration(2 * time.Second)}
		results := check.Run(ctx, l.Lab, short)
		Expect(results).To(HaveLen(1))
		Expect(results[0].Verdict).To(Equal(check.Failed))
		Expect(results[0].Sessions).To(ContainElement(HaveField("State", Not(Equal(bgp.Established)))))
	})
})
