package api_test

import (
	"encoding/json"
	"fmt"
	"net/netip"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ = Describe("curl from a client beyond the routers", Label("api", "reachability", "cilium", "bgp", "dsr"), func() {
	var (
		l *labtest.Lab
		e probe.Endpoints
	)
	BeforeEach(func(ctx SpecContext) {
		l = labtest.Look(ctx, "cilium-bgp-vrrp")
		var err error
		e, err = l.Endpoints(ctx, "echo")
		Expect(err).NotTo(HaveOccurred())
	})
	// curl requests the page at an address.
	curl := func(ctx SpecContext, at netip.AddrPort) record.Answer {
		GinkgoHelper()
		client, err := l.Node("client")
		Expect(err).NotTo(HaveOccurred())
		out, err := client.Exec(ctx, "curl", "--silent", "--show-error", "--fail", "--max-time", "5", fmt.Sprintf("http://%s/", at))
		Expect(err).NotTo(HaveOccurred())
		var page record.Answer
		Expect(json.Unmarshal(out, &page)).To(Succeed(), "the page is %q", out)
		return page
	}

	DescribeTable("gets the page with the client's own address and the name of the answering pod", func(ctx SpecContext, kind scenario.Target) {
		addresses := e.Addresses(kind, record.HTTP)
		Expect(addresses).NotTo(BeEmpty())
		for _, a := range addresses {
			page := curl(ctx, a.At)
			Expect(netip.MustParseAddrPort(page.Client).Addr()).To(Equal(l.Plan.Clients[0].Network.Address), "asked at %s", a.At)
			Expect(e.Pods).To(ContainElement(HaveField("Name", page.Pod)))
			if kind == scenario.TargetPod {
				Expect(page.Pod).To(Equal(a.Of))
			}
		}
	},
		Entry("at each pod IP", Label("pod"), scenario.TargetPod),
		Entry("at the ClusterIP", Label("clusterIP"), scenario.TargetClusterIP),
		Entry("at the ExternalIP", Label("externalIP"), scenario.TargetExternalIP),
		Entry("at the LoadBalancer IP", Label("loadBalancer"), scenario.TargetLoadBalancer),
		Entry("at the NodePort of each node", Label("nodePort"), scenario.TargetNodePort),
	)

	It("gets the page from every pod in turn at the LoadBalancer IP", func(ctx SpecContext) {
		answered := map[string]bool{}
		at := e.Addresses(scenario.TargetLoadBalancer, record.HTTP)[0].At
		for range 32 {
			answered[curl(ctx, at).Pod] = true
		}
		Expect(answered).To(HaveLen(len(e.Pods)))
	})

	It("gets the refusal of a POST from the pod itself, not from a device on the way", func(ctx SpecContext) {
		client, err := l.Node("client")
		Expect(err).NotTo(HaveOccurred())
		out, err := client.Exec(ctx, "curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--max-time", "5", "--request", "POST",
			fmt.Sprintf("http://%s/", e.Addresses(scenario.TargetLoadBalancer, record.HTTP)[0].At))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(out)).To(Equal("405"))
	})

	It("gets no answer at a port of the LoadBalancer IP outside the service, because Cilium drops the packet (negative control)", Label("negative-control"), func(ctx SpecContext) {
		client, err := l.Node("client")
		Expect(err).NotTo(HaveOccurred())
		_, err = client.Exec(ctx, "curl", "--silent", "--show-error", "--max-time", "3", fmt.Sprintf("http://%s:81/", e.LoadBalancerIPs[0]))
		Expect(err).To(MatchError(ContainSubstring("timed out")))
	})

	It("gets no answer at a free address of the pool (negative control)", Label("negative-control"), func(ctx SpecContext) {
		client, err := l.Node("client")
		Expect(err).NotTo(HaveOccurred())
		_, err = client.Exec(ctx, "curl", "--silent", "--show-error", "--max-time", "3", "http://198.51.100.200/")
		Expect(err).To(MatchError(Or(ContainSubstring("No route to host"), ContainSubstring("Couldn't connect"), ContainSubstring("Failed to connect"), ContainSubstring("timed out"))))
	})
})
