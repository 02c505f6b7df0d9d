package bgp_test

import (
	"context"
	"net/netip"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"skidpad.dev/skidpad/lab/labtest"
)

// podNodes returns the nodes of workload local's pods at this moment.
func podNodes(ctx context.Context, l *labtest.Lab) []string {
	GinkgoHelper()
	e, err := l.Endpoints(ctx, "local")
	Expect(err).NotTo(HaveOccurred())
	var nodes []string
	for _, p := range e.Pods {
		if !slices.Contains(nodes, p.Node) {
			nodes = append(nodes, p.Node)
		}
	}
	return nodes
}

var _ = Describe("Traffic policy Local:", Label("bgp", "cilium", "frr", "eTP-Local", "endpoints"), func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) { l = labtest.Open(ctx, "cilium-bgp-vrrp") })

	vip := func(ctx SpecContext) netip.Addr {
		e, err := l.Endpoints(ctx, "local")
		Expect(err).NotTo(HaveOccurred())
		return e.LoadBalancerIPs[0]
	}
	// onPods waits for the given number of nodes with a pod, and expects that exactly these nodes announce the address.
	onPods := func(ctx SpecContext, at netip.Addr, nodes int) {
		GinkgoHelper()
		Eventually(ctx, func() []string { return podNodes(ctx, l) }).WithTimeout(changeWithin).WithPolling(labtest.Often).Should(HaveLen(nodes))
		both(ctx, l, at, podNodes(ctx, l)...)
	}

	It("a LoadBalancer IP is announced by exactly the nodes with a pod", func(ctx SpecContext) {
		onPods(ctx, vip(ctx), 2)
	})

	It("the announcements follow the pods when the number of pods falls and rises again", func(ctx SpecContext) {
		at := vip(ctx)
		l.Scale(ctx, "local", 1)
		onPods(ctx, at, 1)
		l.Scale(ctx, "local", 2)
		onPods(ctx, at, 2)
	})

	It("the address is withdrawn with the last pod, and announced with the first", func(ctx SpecContext) {
		at := vip(ctx)
		l.Scale(ctx, "local", 0)
		both(ctx, l, at)
		Expect(ask(ctx, l, at)).NotTo(Equal("answered"))
		l.Scale(ctx, "local", 1)
		onPods(ctx, at, 1)
		Eventually(ctx, func() string { return ask(ctx, l, at) }).WithTimeout(changeWithin).Should(Equal("answered"))
	})

	It("the internal policy decides for the ClusterIP, and the external policy for the LoadBalancer IP", Label("iTP-Local"), func(ctx SpecContext) {
		local := corev1.ServiceInternalTrafficPolicyLocal
		s := l.Service(ctx, "fresh", "local", func(s *corev1.Service) {
			s.Spec.InternalTrafficPolicy = &local
			labtest.NoNodePorts(s)
		})
		both(ctx, l, netip.MustParseAddr(s.Spec.ClusterIP), podNodes(ctx, l)...)
		both(ctx, l, ingress(ctx, l, "fresh"), l.AllNodes()...)
	})

	It("the announcements follow a change of the policy, there and back", func(ctx SpecContext) {
		l.Service(ctx, "fresh", "local", labtest.NoNodePorts)
		at := ingress(ctx, l, "fresh")
		both(ctx, l, at, l.AllNodes()...)
		l.EditService(ctx, "fresh", func(s *corev1.Service) { s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal })
		both(ctx, l, at, podNodes(ctx, l)...)
		l.EditService(ctx, "fresh", func(s *corev1.Service) { s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyCluster })
		both(ctx, l, at, l.AllNodes()...)
	})

	It("all nodes announce a service without pods if the policy is Cluster (negative control)", Label("negative-control"), func(ctx SpecContext) {
		l.Service(ctx, "fresh", "local", nil)
		at := ingress(ctx, l, "fresh")
		l.Scale(ctx, "local", 0)
		both(ctx, l, vip(ctx))
		both(ctx, l, at, l.AllNodes()...)
	})
})
