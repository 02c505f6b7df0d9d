package bgp_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
)

// A router's kernel divides the range of flow hashes into equal shares, in the order of the next hops, and divides the range
// again when a next hop leaves (RFC 2992, hash-threshold; ip-sysctl, fib_multipath_hash_policy). With three next hops:
//
//	|  first   |  middle  |   last   |        |  first   |  middle  |   last   |
//	|     middle     |     last      |        |     first     |      last      |
//	first leaves: half of the middle's        middle leaves: no flow of
//	flows move to the last                    the others moves
var _ = Describe("When a node leaves the ECMP set, the router's kernel", Label("bgp", "cilium", "frr", "ecmp"), Ordered, func() {
	var (
		l             *labtest.Lab
		nodes, again  []string                // in the order of the kernel's next hops; again: after the middle node's return
		middle, first []way                   // one entry a port: when the middle node left; when the first node left
		connections   map[string][]connection // by service; each lived while the first node left
	)
	const random, hashed = "random", "hashed" // services with the same pods; the node's way to choose a pod

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
		// A machine that stalls r1 for longer than VRRP's dead time would send packets through r2 meanwhile, by other next hops.
		l.Inject(ctx, &fault.Stop{Node: "r2-gw"})
		nodes = hops(ctx, l, vip)
		Expect(nodes).To(HaveLen(3))
		speakers(ctx, l)

		before := chosen(ctx, l, vip, ports())
		l.LabelNode(ctx, nodes[1], away, "yes")
		arrived(nodes[0], nodes[2])
		middle = ways(before, chosen(ctx, l, vip, ports()))
		l.UnlabelNode(ctx, nodes[1], away)
		arrived(nodes...)

		again, before = hops(ctx, l, vip), chosen(ctx, l, vip, ports())
		open := keep(ctx, l, random, hashed)
		l.LabelNode(ctx, again[0], away, "yes")
		open.until(ctx, again[1:]...)
		first = ways(before, chosen(ctx, l, vip, ports()))
		connections = open.end(ctx)
	})

	It("has spread flows over the nodes in equal shares before", func() {
		for _, n := range nodes {
			Expect(share(first, from(n))).To(BeNumerically("~", 1./3, 0.05), "share of %s", n)
		}
	})

	It("moves no flow of other nodes if the middle node leaves", func() {
		Expect(share(middle, moved)).To(BeNumerically("~", 1./3, 0.05))
		Expect(only(only(middle, moved), not(from(nodes[1])))).To(BeEmpty())
	})

	It("moves at most half of the flows of the neighbouring node, and none of the last node, if the first node leaves (RFC 2992)", func() {
		Expect(share(only(first, from(again[1])), moved)).To(BeNumerically("~", 0.5, 0.08))
		Expect(only(only(first, from(again[2])), moved)).To(BeEmpty())
	})

	It("keeps each unmoved TCP connection alive with the same pod", func() {
		for service, all := range connections {
			stayed := only(all, not(connection.moved))
			Expect(stayed).NotTo(BeEmpty(), service)
			Expect(only(stayed, connection.broken)).To(BeEmpty(), service)
		}
	})

	It("breaks no moved TCP connection if nodes choose pods by Maglev's hash", Label("maglev"), func() {
		all := only(connections[hashed], connection.moved)
		Expect(all).NotTo(BeEmpty())
		Expect(only(all, connection.broken)).To(BeEmpty())
	})

	It("breaks some moved TCP connections if nodes choose pods at random (negative control)", Label("maglev", "negative-control"), func() {
		all := only(connections[random], connection.moved)
		Expect(only(all, connection.broken)).NotTo(BeEmpty(), "of %d connections that moved", len(all))
	})
})
