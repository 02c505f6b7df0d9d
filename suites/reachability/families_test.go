package reachability_test

import (
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ = Describe("A dual-stack cluster", Label("reachability", "cilium", "bgp", "dsr", "dual", "slow", "cilium-dual-stack"), func() {
	open := func(ctx SpecContext) *labtest.Lab { return labtest.Open(ctx, "cilium-dual-stack") }

	It("has a BGP session of each family between every node and every router, and between the routers", func(ctx SpecContext) {
		Expect(inside(ctx, open(ctx), &check.Sessions{Established: "all", Within: soon})).To(labtest.Hold())
	})

	It("has routes of both families via all nodes on both routers, in RIB and FIB", func(ctx SpecContext) {
		Expect(inside(ctx, open(ctx), &check.Routes{Workload: "echo", NextHops: 3, Within: soon,
			To: []scenario.Target{scenario.TargetPod, scenario.TargetClusterIP, scenario.TargetExternalIP, scenario.TargetLoadBalancer}})).To(labtest.Hold())
	})

	It("sends packets of both families between pods without encapsulation", func(ctx SpecContext) {
		Expect(inside(ctx, open(ctx), &check.Wire{Between: []string{"worker", "worker2"},
			Encapsulation: check.EncapsulationNone, Workload: "echo", Within: soon})).To(labtest.Hold())
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

var _ = Describe("A cluster without IPv4", Label("reachability", "cilium", "bgp", "dsr", "ipv6", "slow", "cilium-ipv6"), func() {
	open := func(ctx SpecContext) *labtest.Lab { return labtest.Open(ctx, "cilium-ipv6") }
	// free is an address of the pool without a service.
	free := netip.MustParseAddr("2001:db8:198:51::fff0")

	It("has a BGP session over IPv6 between every node and every router, and between the routers, and no other", func(ctx SpecContext) {
		l := open(ctx)
		Expect(inside(ctx, l, &check.Sessions{Established: "all", Within: soon})).To(labtest.Hold())
		for _, r := range l.Routers() {
			sessions, err := r.Sessions(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(sessions).To(HaveEach(HaveField("Peer.Is6()", true)), r.Name())
			Expect(sessions).To(HaveLen(len(l.AllNodes())+1), r.Name())
		}
	})

	It("has IPv6 routes via all nodes on both routers, in RIB and FIB, and no IPv4 route", func(ctx SpecContext) {
		l := open(ctx)
		Expect(inside(ctx, l, &check.Routes{Workload: "echo", NextHops: 3, Within: soon,
			To: []scenario.Target{scenario.TargetPod, scenario.TargetClusterIP, scenario.TargetExternalIP, scenario.TargetLoadBalancer}})).To(labtest.Hold())
		for _, r := range l.Routers() {
			rib, err := r.Routes(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(rib).To(HaveEach(Satisfy(func(route bgp.Route) bool { return route.Prefix.Addr().Is6() })), r.Name())
		}
	})

	It("has pods, services and nodes with one address each, of IPv6", func(ctx SpecContext) {
		e, err := open(ctx).Endpoints(ctx, "echo")
		Expect(err).NotTo(HaveOccurred())
		for to, want := range map[scenario.Target]int{scenario.TargetPod: len(e.Pods), scenario.TargetClusterIP: 1, scenario.TargetExternalIP: 1,
			scenario.TargetLoadBalancer: 1, scenario.TargetNodePort: len(e.Nodes)} {
			Expect(e.Addresses(to, record.HTTP)).To(And(HaveLen(want), HaveEach(Satisfy(func(a probe.Address) bool { return a.At.Addr().Is6() }))), string(to))
		}
	})

	It("sends packets between pods of two nodes without encapsulation", func(ctx SpecContext) {
		Expect(inside(ctx, open(ctx), &check.Wire{Between: []string{"worker", "worker2"},
			Encapsulation: check.EncapsulationNone, Workload: "echo", Within: soon})).To(labtest.Hold())
	})

	origins(open, "echo",
		Entry("at every pod IP", "client", scenario.TargetPod),
		Entry("at the ClusterIP", "client", scenario.TargetClusterIP),
		Entry("at the ExternalIP", "client", scenario.TargetExternalIP),
		Entry("at the LoadBalancer IP", "client", scenario.TargetLoadBalancer),
		Entry("at every NodePort", "client", scenario.TargetNodePort),
		Entry("at the LoadBalancer IP, found by NDP", Label("l2"), "neighbour", scenario.TargetLoadBalancer),
		Entry("at every pod IP, from a pod", "pod/echo@worker", scenario.TargetPod),
		Entry("at the ClusterIP, from a pod", "pod/echo@worker", scenario.TargetClusterIP),
	)

	It("answers nothing at a free address of the pool, by BGP or NDP (negative control)", Label("negative-control", "l2"), func(ctx SpecContext) {
		l := open(ctx)
		for _, r := range l.Plan.Routers {
			Expect(l.NextHops(ctx, r.Name, labtest.HostPrefix(free))).To(BeEmpty(), r.Name)
		}
		Expect(l.Answering(ctx, "neighbour", "fabric", free)).To(BeEmpty())
		for _, r := range l.Probe(ctx, "client", netip.AddrPortFrom(free, 80).String(), 100, time.Second).Wait(ctx) {
			Expect(r.Sent).To(BeNumerically(">", 0))
			Expect(r.LostAtLeast).To(Equal(r.Sent))
		}
	})

	It("moves its gateway away from a router without IPv6 routes", Label("gateway", "vrrp"), Serial, func(ctx SpecContext) {
		l := open(ctx)
		holder := func(ctx SpecContext, who string, within time.Duration) {
			GinkgoHelper()
			Eventually(ctx, l.HolderOf).WithArguments("gw").Within(labtest.Patience(within)).ProbeEvery(labtest.Often).Should(Equal(who))
		}
		holder(ctx, "r1", 20*time.Second)
		r1, err := l.Router("r1")
		Expect(err).NotTo(HaveOccurred())
		labtest.Undo(func(ctx SpecContext) {
			Expect(r1.Open(ctx, bgp.Peers{})).To(Succeed())
			holder(ctx, "r1", 30*time.Second)
		})
		Expect(r1.Shut(ctx, bgp.Peers{})).To(Succeed())
		holder(ctx, "r2", 20*time.Second)
	})
})
