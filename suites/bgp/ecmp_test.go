package bgp_test

import (
	"net/netip"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
)

var _ = Describe("The ECMP set", Label("bgp", "cilium", "frr", "ecmp"), func() {
	var (
		l   *labtest.Lab
		vip netip.Addr
	)
	BeforeEach(func(ctx SpecContext) {
		l = labtest.Open(ctx, "cilium-bgp-vrrp")
		e, err := l.Endpoints(ctx, "echo")
		Expect(err).NotTo(HaveOccurred())
		vip = e.LoadBalancerIPs[0]
	})
	It("contains all nodes, and spreads connections over all workers", func(ctx SpecContext) {
		both(ctx, l, vip, l.AllNodes()...)
		Expect(seenBy(ctx, l, vip, 64)).To(ConsistOf("worker", "worker2"), "nodes whose pods answered")
	})

	It("loses each node when the node stops BGP, and regains each node when BGP is back", func(ctx SpecContext) {
		speakers(ctx, l)
		l.LabelNode(ctx, "worker", away, "yes")
		both(ctx, l, vip, "control-plane", "worker2")
		l.LabelNode(ctx, "control-plane", away, "yes")
		both(ctx, l, vip, "worker2")
		l.LabelNode(ctx, "worker2", away, "yes")
		both(ctx, l, vip)
		Expect(ask(ctx, l, vip)).NotTo(Equal("answered"))
		for _, n := range l.AllNodes() {
			l.UnlabelNode(ctx, n, away)
		}
		both(ctx, l, vip, l.AllNodes()...)
	})

	It("is exactly as large as the router's maximum-paths allows", func(ctx SpecContext) {
		l.Configure(ctx, "r1", []string{"router bgp 64513", "address-family ipv4 unicast", "maximum-paths 2"}, []string{"router bgp 64513", "address-family ipv4 unicast", "maximum-paths 16"})
		Eventually(ctx, l.NextHops).WithArguments("r1", labtest.HostPrefix(vip)).WithTimeout(changeWithin).WithPolling(labtest.Often).Should(HaveLen(2))
	})

	It("loses a node while a flow loses at most 300 ms", func(ctx SpecContext) {
		speakers(ctx, l)
		flow := l.Probe(ctx, "client", "loadBalancer/echo", 200, flowFor)
		l.LabelNode(ctx, "control-plane", away, "yes")
		both(ctx, l, vip, "worker", "worker2")
		for _, r := range flow.Wait(ctx) {
			Expect(r).To(labtest.LoseAtMost(maxLeave))
		}
	})

	It("reaches a pod IP via the pod's node alone when other nodes come and go", func(ctx SpecContext) {
		speakers(ctx, l)
		e, err := l.Endpoints(ctx, "echo")
		Expect(err).NotTo(HaveOccurred())
		l.LabelNode(ctx, "control-plane", away, "yes")
		both(ctx, l, vip, "worker", "worker2")
		for _, p := range e.Pods {
			Expect(ask8080(ctx, l, p.IPs[0])).To(Equal(p.Node), "pod %s", p.Name)
		}
	})
})

// seenBy returns the nodes of the pods that answered a number of connections to an address.
func seenBy(ctx SpecContext, l *labtest.Lab, at netip.Addr, times int) []string {
	GinkgoHelper()
	nodes := map[string]bool{}
	for _, s := range connections(ctx, l, netip.AddrPortFrom(at, 80), times) {
		nodes[s.Answer.Node] = true
	}
	var names []string
	for _, n := range l.Plan.Cluster.Nodes {
		if nodes[n.Name] {
			names = append(names, n.Short)
		}
	}
	return names
}

// ask8080 returns the node of the pod that answers at a pod's own address.
func ask8080(ctx SpecContext, l *labtest.Lab, at netip.Addr) string {
	GinkgoHelper()
	s := connections(ctx, l, netip.AddrPortFrom(at, 8080), 1)
	return s[0].Answer.Node[len(l.Plan.Cluster.Name)+1:]
}

func connections(ctx SpecContext, l *labtest.Lab, at netip.AddrPort, times int) []record.Shot {
	GinkgoHelper()
	from, err := l.Node("client")
	Expect(err).NotTo(HaveOccurred())
	shots, err := probe.Once(ctx, from, probe.Shots{Proto: record.HTTP, Targets: []netip.AddrPort{at}, Times: times, Timeout: patience})
	Expect(err).NotTo(HaveOccurred())
	Expect(shots).To(HaveLen(times))
	Expect(shots).To(HaveEach(And(HaveField("Error", ""), HaveField("Answer", Not(BeNil())))))
	return shots
}
