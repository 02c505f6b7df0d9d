package bgp_test

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/addon/cilium"
	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/labtest"
)

// advertised is the patch, as JSON, for the announcement of services' LoadBalancer IPs with attributes.
func advertised(attributes string) string {
	return fmt.Sprintf(`{"spec": {"advertisements": [{"advertisementType": "PodCIDR"}, {"advertisementType": "Service", "service": {"addresses": ["ClusterIP", "ExternalIP", "LoadBalancerIP"]},
		"selector": {"matchExpressions": [{"key": "skidpad.dev/advertise", "operator": "NotIn", "values": ["no"]}]}, "attributes": %s}]}}`, attributes)
}

var _ = Describe("Path attributes:", Label("bgp", "cilium", "frr", "attributes"), func() {
	var (
		l   *labtest.Lab
		vip netip.Prefix
	)
	BeforeEach(func(ctx SpecContext) {
		l = labtest.Open(ctx, "cilium-bgp-vrrp")
		e, err := l.Endpoints(ctx, "echo")
		Expect(err).NotTo(HaveOccurred())
		vip = labtest.HostPrefix(e.LoadBalancerIPs[0])
	})
	// external returns r1's paths from nodes.
	external := func(ctx SpecContext) ([]bgp.Path, error) {
		all, err := l.Paths(ctx, "r1", vip)
		var from []bgp.Path
		for _, p := range all {
			if !p.Internal {
				from = append(from, p)
			}
		}
		return from, err
	}
	eventually := func(ctx SpecContext, read func(SpecContext) ([]bgp.Path, error)) AsyncAssertion {
		return Eventually(ctx, func() ([]bgp.Path, error) { return read(ctx) }).WithTimeout(changeWithin).WithPolling(labtest.Often)
	}

	It("each node has one path, with the node's ASN alone as AS path and origin IGP", func(ctx SpecContext) {
		eventually(ctx, external).Should(And(HaveLen(len(l.AllNodes())), HaveEach(And(
			HaveField("ASPath", "64512"), HaveField("Origin", "IGP"), HaveField("Valid", true)))))
	})

	It("no path has a community if the advertisement sets none (negative control)", Label("communities", "negative-control"), func(ctx SpecContext) {
		eventually(ctx, external).Should(And(HaveLen(3), HaveEach(And(HaveField("Communities", BeEmpty()), HaveField("LargeCommunities", BeEmpty())))))
	})

	It("standard, large and well-known communities of an advertisement arrive at the router, and disappear with the advertisement", Label("communities"), func(ctx SpecContext) {
		l.Patch(ctx, cilium.BGPAdvertisement, labtest.Planned, advertised(`{"communities": {"standard": ["64512:99"], "large": ["64512:100:50"], "wellKnown": ["no-export"]}}`))
		eventually(ctx, external).Should(And(HaveLen(3), HaveEach(And(
			HaveField("Communities", ConsistOf("64512:99", "no-export")), HaveField("LargeCommunities", ConsistOf("64512:100:50"))))))
		l.Repatch(ctx, cilium.BGPAdvertisement, labtest.Planned, advertised(`null`))
		eventually(ctx, external).Should(And(HaveLen(3), HaveEach(HaveField("Communities", BeEmpty()))))
	})

	It("a local preference does not reach peers of another AS", func(ctx SpecContext) {
		l.Patch(ctx, cilium.BGPAdvertisement, labtest.Planned, advertised(`{"localPreference": 333, "communities": {"standard": ["64512:7"]}}`))
		eventually(ctx, external).Should(And(HaveLen(3), HaveEach(And(HaveField("Communities", ConsistOf("64512:7")), HaveField("LocalPref", Or(BeNil(), HaveValue(Not(BeEquivalentTo(333)))))))))
	})

	It("a local preference set by r1 counts on r1 and r2, so r2 prefers r1's paths", Label("local-preference", "ibgp"), func(ctx SpecContext) {
		prefer(ctx, l, "r1", "set local-preference 200")
		eventually(ctx, func(ctx SpecContext) ([]bgp.Path, error) { return best(ctx, l, "r2", vip) }).
			Should(And(HaveLen(1), HaveEach(And(HaveField("LocalPref", HaveValue(BeEquivalentTo(200))), HaveField("Internal", true)))))
	})

	It("r2 prefers its own paths to r1's paths if no path has a local preference (negative control)", Label("local-preference", "ibgp", "negative-control"), func(ctx SpecContext) {
		eventually(ctx, func(ctx SpecContext) ([]bgp.Path, error) { return best(ctx, l, "r2", vip) }).
			Should(And(HaveLen(1), HaveEach(HaveField("Internal", false))))
	})

	It("the path with the higher MED is not used beside the other paths", Label("med"), func(ctx SpecContext) {
		worker := l.Nodes(ctx)["worker"]
		l.Configure(ctx, "r1", []string{
			"ip prefix-list from-worker permit " + worker.String() + "/32",
			"route-map skidpad permit 10", "match ip next-hop prefix-list from-worker", "set metric 50", "exit",
			"route-map skidpad permit 20", "exit",
			"router bgp 64513", "address-family ipv4 unicast", "neighbor nodes route-map skidpad in"},
			[]string{"router bgp 64513", "address-family ipv4 unicast", "no neighbor nodes route-map skidpad in", "exit", "exit", "no route-map skidpad", "no ip prefix-list from-worker"})
		refresh(ctx, l, "r1")
		Eventually(ctx, l.NextHops).WithArguments("r1", vip).WithTimeout(changeWithin).WithPolling(labtest.Often).Should(ConsistOf("control-plane", "worker2"))
	})
})

// prefer makes a router set an attribute on all paths from the nodes.
func prefer(ctx SpecContext, l *labtest.Lab, router, set string) {
	GinkgoHelper()
	l.Configure(ctx, router, []string{"route-map skidpad permit 10", set, "exit", "router bgp 64513", "address-family ipv4 unicast", "neighbor nodes route-map skidpad in"},
		[]string{"router bgp 64513", "address-family ipv4 unicast", "no neighbor nodes route-map skidpad in", "exit", "exit", "no route-map skidpad"})
	refresh(ctx, l, router)
}

// refresh makes a router request all routes from the nodes again (RFC 2918), now and after the spec's change is undone.
func refresh(ctx SpecContext, l *labtest.Lab, router string) {
	GinkgoHelper()
	n, err := l.Node(router)
	Expect(err).NotTo(HaveOccurred())
	_, err = n.Exec(ctx, "vtysh", "-c", "clear bgp * soft in")
	Expect(err).NotTo(HaveOccurred())
}

// best returns the best path alone.
func best(ctx SpecContext, l *labtest.Lab, name string, to netip.Prefix) ([]bgp.Path, error) {
	all, err := l.Paths(ctx, name, to)
	var one []bgp.Path
	for _, p := range all {
		if p.Best {
			one = append(one, p)
		}
	}
	return one, err
}

var _ = Describe("A prefix limit", Label("bgp", "cilium", "frr", "limit"), func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) { l = labtest.Open(ctx, "cilium-bgp-vrrp") })
	limit := func(ctx SpecContext, n int) {
		GinkgoHelper()
		l.Configure(ctx, "r2", []string{"router bgp 64513", "address-family ipv4 unicast", fmt.Sprintf("neighbor nodes maximum-prefix %d", n)},
			[]string{"router bgp 64513", "address-family ipv4 unicast", "no neighbor nodes maximum-prefix"})
	}

	It("ends the session when a node exceeds the limit (RFC 4486), and the other router goes on", func(ctx SpecContext) {
		n, err := l.Node("r2")
		Expect(err).NotTo(HaveOccurred())
		exceeded := func() (int, error) {
			out, err := n.Exec(ctx, "sed", "-n", "/%MAXPFXEXCEED/p", "/var/log/frr/frr.log")
			return strings.Count(string(out), "exceed"), err
		}
		before, err := exceeded()
		Expect(err).NotTo(HaveOccurred())
		limit(ctx, 2)
		_, err = n.Exec(ctx, "vtysh", "-c", "clear bgp 64512")
		Expect(err).NotTo(HaveOccurred())
		Eventually(ctx, exceeded).WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(BeNumerically(">=", before+len(l.AllNodes())), "lines of bgpd's log about the limit")
		up(ctx, l, "r2")
		up(ctx, l, "r1", l.AllNodes()...)
	})

	It("changes nothing while no node reaches the limit (negative control)", Label("negative-control"), func(ctx SpecContext) {
		limit(ctx, 500)
		Consistently(ctx, l.Established).WithArguments("r2").WithTimeout(3 * time.Second).WithPolling(labtest.Often).Should(ConsistOf(l.AllNodes()))
	})
})
