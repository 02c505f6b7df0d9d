package bgp_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"skidpad.dev/skidpad/lab/labtest"
)

// A router's kernel parts the hashes of flows among the next hops in their order, in equal shares, and parts them anew when
// one leaves (RFC 2992, hash-threshold; ip-sysctl, fib_multipath_hash_policy). Of three:
//
//	|  first   |  middle  |   last   |        |  first   |  middle  |   last   |
//	|     middle     |     last      |        |     first     |      last      |
//	first leaves: the middle one hands half   middle leaves: nobody hands
//	of its flows on to the last one           any of its flows on
var _ = Describe("When a node leaves the ECMP set, the router's kernel", Label("bgp", "cilium", "frr", "ecmp"), Ordered, func() {
	var (
		l             *labtest.Lab
		nodes         []string // in the order of the kernel's next hops
		middle, first []way    // of as many flows as there are ports, when the middle node left and when the first did
		kept          map[string][]connection
	)
	const random, hashed = "random", "hashed" // services with the same pods; how a node chooses one of them

	BeforeAll(func(ctx SpecContext) {
		l = labtest.Open(ctx, "cilium-bgp-vrrp")
		l.Service(ctx, random, "echo", nil)
		l.Service(ctx, hashed, "echo", func(s *corev1.Service) { s.Annotations["service.cilium.io/lb-algorithm"] = "maglev" })
		vip := ingress(ctx, l, random)
		arrived := func(nodes ...string) {
			GinkgoHelper()
			both(ctx, l, vip, nodes...)
			both(ctx, l, ingress(ctx, l, hashed), nodes...)
		}
		arrived(l.AllNodes()...)
		nodes = hops(ctx, l, vip)
		Expect(nodes).To(HaveLen(3))
		speakers(ctx, l)

		before := chosen(ctx, l, vip, ports())
		l.LabelNode(ctx, nodes[1], away, "yes")
		arrived(nodes[0], nodes[2])
		middle = ways(before, chosen(ctx, l, vip, ports()))
		l.UnlabelNode(ctx, nodes[1], away)
		arrived(nodes...)

		connections := keep(ctx, l, random, hashed)
		l.LabelNode(ctx, nodes[0], away, "yes")
		arrived(nodes[1], nodes[2])
		first = ways(before, chosen(ctx, l, vip, ports()))
		kept = connections.end(ctx)
	})

	It("has spread flows over the nodes in equal shares", func() {
		for _, n := range nodes {
			Expect(share(first, from(n))).To(BeNumerically("~", 1./3, 0.05), "share of %s", n)
		}
	})

	It("leaves every other node's flows where they are, if the node was the middle one", func() {
		Expect(share(middle, moved)).To(BeNumerically("~", 1./3, 0.05))
		Expect(only(only(middle, moved), not(from(nodes[1])))).To(BeEmpty())
	})

	It("hands half of the flows of the node beside it on at the most, and none of the other's, if it was the first (RFC 2992)", func() {
		Expect(share(only(first, from(nodes[1])), moved)).To(BeNumerically("~", 0.5, 0.08))
		Expect(only(only(first, from(nodes[2])), moved)).To(BeEmpty())
	})

	It("keeps each TCP connection alive whose way it keeps, with the same pod", func() {
		for service, all := range kept {
			stayed := only(all, not(connection.moved))
			Expect(stayed).NotTo(BeEmpty(), service)
			Expect(only(stayed, connection.broken)).To(BeEmpty(), service)
		}
	})

	It("breaks none of those that it hands on where nodes choose pods by Maglev's hash", Label("maglev"), func() {
		all := only(kept[hashed], connection.moved)
		Expect(all).NotTo(BeEmpty())
		Expect(only(all, connection.broken)).To(BeEmpty())
	})

	It("breaks some of those that it hands on where nodes choose at random (negative control)", Label("maglev", "negative-control"), func() {
		all := only(kept[random], connection.moved)
		Expect(only(all, connection.broken)).NotTo(BeEmpty(), "of %d connections that moved", len(all))
	})
})
