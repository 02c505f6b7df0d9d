package bgp_test

import (
	"net/netip"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"skidpad.dev/skidpad/lab/addon/cilium"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/probe"
)

// changeWithin bounds the time from a change in Kubernetes to the routes in the routers' kernels. No timer has to
// expire in between, so the bound is generous.
var changeWithin = labtest.Patience(20 * time.Second)

// both expects that both routers, within changeWithin, forward packets for an address to exactly these nodes.
func both(ctx SpecContext, l *labtest.Lab, to netip.Addr, nodes ...string) {
	GinkgoHelper()
	bothTo(ctx, l, labtest.HostPrefix(to), nodes...)
}

// bothTo is both for a prefix.
func bothTo(ctx SpecContext, l *labtest.Lab, to netip.Prefix, nodes ...string) {
	GinkgoHelper()
	for _, r := range []string{"r1", "r2"} {
		Eventually(ctx, l.NextHops).WithArguments(r, to).WithTimeout(changeWithin).WithPolling(labtest.Often).
			Should(ConsistOf(nodes), "next hops of %s on %s", to, r)
	}
}

// ingress waits for a Service's LoadBalancer address.
func ingress(ctx SpecContext, l *labtest.Lab, service string) netip.Addr {
	GinkgoHelper()
	Eventually(ctx, l.Ingress).WithArguments(service).WithTimeout(changeWithin).WithPolling(labtest.Often).Should(HaveField("IsValid()", true))
	a, err := l.Ingress(ctx, service)
	Expect(err).NotTo(HaveOccurred())
	return a
}

var _ = Describe("BGP advertisement follows services:", Label("bgp", "cilium", "frr", "advertisement"), func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) { l = labtest.Open(ctx, "cilium-bgp-vrrp") })

	It("a LoadBalancer IP is announced by every node when its service is created, and withdrawn when the service is deleted", Label("loadBalancer"), func(ctx SpecContext) {
		l.Service(ctx, "fresh", "echo", nil)
		vip := ingress(ctx, l, "fresh")
		both(ctx, l, vip, l.AllNodes()...)
		l.DeleteService(ctx, "fresh")
		both(ctx, l, vip)
	})

	It("a ClusterIP is announced by every node when its service is created, and withdrawn when the service is deleted", Label("clusterIP"), func(ctx SpecContext) {
		s := l.Service(ctx, "fresh", "echo", func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP })
		at := netip.MustParseAddr(s.Spec.ClusterIP)
		both(ctx, l, at, l.AllNodes()...)
		l.DeleteService(ctx, "fresh")
		both(ctx, l, at)
	})

	It("an ExternalIP is announced when a service gets it, and withdrawn when the service loses it", Label("externalIP"), func(ctx SpecContext) {
		at := netip.MustParseAddr("203.0.113.77")
		l.Service(ctx, "fresh", "echo", func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP })
		both(ctx, l, at)
		l.EditService(ctx, "fresh", func(s *corev1.Service) { s.Spec.ExternalIPs = []string{at.String()} })
		both(ctx, l, at, l.AllNodes()...)
		l.EditService(ctx, "fresh", func(s *corev1.Service) { s.Spec.ExternalIPs = nil })
		both(ctx, l, at)
	})

	It("the LoadBalancer IP alone is withdrawn when a service becomes a ClusterIP service", Label("loadBalancer", "clusterIP"), func(ctx SpecContext) {
		s := l.Service(ctx, "fresh", "echo", nil)
		vip := ingress(ctx, l, "fresh")
		both(ctx, l, vip, l.AllNodes()...)
		l.EditService(ctx, "fresh", func(s *corev1.Service) {
			s.Spec.Type = corev1.ServiceTypeClusterIP
			s.Spec.ExternalTrafficPolicy, s.Spec.AllocateLoadBalancerNodePorts = "", nil
			for i := range s.Spec.Ports {
				s.Spec.Ports[i].NodePort = 0
			}
		})
		both(ctx, l, vip)
		both(ctx, l, netip.MustParseAddr(s.Spec.ClusterIP), l.AllNodes()...)
	})

	It("a service without endpoints stays announced under policy Cluster, and refuses connections", Label("endpoints"), func(ctx SpecContext) {
		l.Service(ctx, "fresh", "nobody", nil)
		vip := ingress(ctx, l, "fresh")
		both(ctx, l, vip, l.AllNodes()...)
		Expect(ask(ctx, l, vip)).To(Equal("connection refused"))
	})

	It("the shared address of two services stays announced when the first service is deleted (cilium#35018)", Label("loadBalancer"), func(ctx SpecContext) {
		share := func(port int32) func(*corev1.Service) {
			return func(s *corev1.Service) {
				s.Annotations["lbipam.cilium.io/sharing-key"] = "together"
				s.Annotations["lbipam.cilium.io/ips"] = "198.51.100.99"
				s.Spec.Ports = s.Spec.Ports[:1]
				s.Spec.Ports[0].Port = port
			}
		}
		l.Service(ctx, "one", "echo", share(80))
		l.Service(ctx, "two", "echo", share(81))
		vip := ingress(ctx, l, "one")
		Expect(ingress(ctx, l, "two")).To(Equal(vip))
		both(ctx, l, vip, l.AllNodes()...)
		l.DeleteService(ctx, "two")
		Consistently(ctx, l.NextHops).WithArguments("r1", labtest.HostPrefix(vip)).WithTimeout(3 * time.Second).WithPolling(labtest.Often).
			Should(ConsistOf(l.AllNodes()))
		Expect(ask(ctx, l, vip)).To(Equal("answered"))
	})
})

var _ = Describe("A node's pod CIDR", Label("bgp", "cilium", "frr", "advertisement", "podCIDR"), func() {
	var (
		l     *labtest.Lab
		cidrs map[string]netip.Prefix // by node
		pod   probe.Pod
	)
	BeforeEach(func(ctx SpecContext) {
		l = labtest.Open(ctx, "cilium-bgp-vrrp")
		cidrs = l.PodCIDRs(ctx)
		Expect(cidrs).To(HaveLen(len(l.AllNodes())))
		e, err := l.Endpoints(ctx, "echo")
		Expect(err).NotTo(HaveOccurred())
		pod = e.Pods[0]
	})
	// announced expects that each of the named nodes alone announces its own CIDR, and that the CIDRs of the other
	// nodes have no route.
	announced := func(ctx SpecContext, nodes ...string) {
		GinkgoHelper()
		for node, cidr := range cidrs {
			if slices.Contains(nodes, node) {
				bothTo(ctx, l, cidr, node)
			} else {
				bothTo(ctx, l, cidr)
			}
		}
	}

	It("is announced by the node alone, and withdrawn when the advertisement names services only", func(ctx SpecContext) {
		announced(ctx, l.AllNodes()...)
		Expect(askAt(ctx, l, netip.AddrPortFrom(pod.IPs[0], 8080))).To(Equal("answered"))
		l.Patch(ctx, cilium.BGPAdvertisement, labtest.Planned, `{"spec": {"advertisements": [
			{"advertisementType": "Service", "service": {"addresses": ["ClusterIP", "ExternalIP", "LoadBalancerIP"]}, "selector": {"matchExpressions": [{"key": "skidpad.dev/advertise", "operator": "NotIn", "values": ["no"]}]}}]}}`)
		announced(ctx)
		Expect(askAt(ctx, l, netip.AddrPortFrom(pod.IPs[0], 8080))).NotTo(Equal("answered"))
		l.Repatch(ctx, cilium.BGPAdvertisement, labtest.Planned, advertised(`null`))
		announced(ctx, l.AllNodes()...)
		Expect(askAt(ctx, l, netip.AddrPortFrom(pod.IPs[0], 8080))).To(Equal("answered"))
	})

	It("is withdrawn when the node leaves, and announced when the node returns; the CIDRs of other nodes stay", Label("node"), func(ctx SpecContext) {
		speakers(ctx, l)
		l.LabelNode(ctx, pod.Node, away, "yes")
		stay := slices.DeleteFunc(l.AllNodes(), func(n string) bool { return n == pod.Node })
		announced(ctx, stay...)
		Expect(askAt(ctx, l, netip.AddrPortFrom(pod.IPs[0], 8080))).NotTo(Equal("answered"))
		l.UnlabelNode(ctx, pod.Node, away)
		announced(ctx, l.AllNodes()...)
		Expect(askAt(ctx, l, netip.AddrPortFrom(pod.IPs[0], 8080))).To(Equal("answered"))
	})
})

var _ = Describe("BGP does not announce", Label("bgp", "cilium", "frr", "advertisement", "negative-control"), func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) { l = labtest.Open(ctx, "cilium-bgp-vrrp") })

	// absent expects that, for 3 s, neither router has a route to the address. Another service's address arrives in
	// less time.
	absent := func(ctx SpecContext, vip netip.Addr) {
		GinkgoHelper()
		l.Service(ctx, "witness", "echo", nil)
		both(ctx, l, ingress(ctx, l, "witness"), l.AllNodes()...)
		for _, r := range []string{"r1", "r2"} {
			Consistently(ctx, l.NextHops).WithArguments(r, labtest.HostPrefix(vip)).WithTimeout(1500 * time.Millisecond).WithPolling(labtest.Often).Should(BeEmpty())
		}
	}

	It("a service with a label outside the advertisement's selector", func(ctx SpecContext) {
		l.Service(ctx, "silent", "echo", func(s *corev1.Service) { s.Labels["skidpad.dev/advertise"] = "no" })
		absent(ctx, ingress(ctx, l, "silent"))
	})

	It("a service of the L2 announcer's load-balancer class", func(ctx SpecContext) {
		class := "io.cilium/l2-announcer"
		l.Service(ctx, "silent", "echo", func(s *corev1.Service) { s.Spec.LoadBalancerClass = &class })
		absent(ctx, ingress(ctx, l, "silent"))
	})

	It("a kind of address outside the advertisement", func(ctx SpecContext) {
		l.Patch(ctx, cilium.BGPAdvertisement, labtest.Planned, `{"spec": {"advertisements": [{"advertisementType": "PodCIDR"},
			{"advertisementType": "Service", "service": {"addresses": ["LoadBalancerIP"]}, "selector": {"matchExpressions": [{"key": "skidpad.dev/advertise", "operator": "NotIn", "values": ["no"]}]}}]}}`)
		s := l.Service(ctx, "silent", "echo", func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP })
		absent(ctx, netip.MustParseAddr(s.Spec.ClusterIP))
	})
})
