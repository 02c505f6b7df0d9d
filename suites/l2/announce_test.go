package l2_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/addon/cilium"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/timeline"
)

var _ = Describe("A LoadBalancer IP on the nodes' segment", Label("l2", "cilium", "lease"), func() {
	var (
		l   *labtest.Lab
		vip netip.Addr
	)
	BeforeEach(func(ctx SpecContext) {
		l = labtest.Open(ctx, "cilium-l2")
		vip = address(ctx, l, "echo")
	})

	It("has one lease holder, a worker, and only its MAC answers ARP", Label("arp"), func(ctx SpecContext) {
		by := held(ctx, l)
		Expect(by).To(BeElementOf("worker", "worker2"))
		announcedBy(ctx, l, vip, by)
		Expect(ask(ctx, l, vip, 80)).To(Equal("answered"))
	})

	It("has no holder and no answer if no service has the address (negative control)", Label("arp", "negative-control"), func(ctx SpecContext) {
		Expect(answering(ctx, l, netip.MustParseAddr("198.51.100.200"))).To(BeEmpty())
	})

	It("keeps its holder, and the holder renews the lease before another node may take over", func(ctx SpecContext) {
		read := func() (time.Time, error) {
			lease, err := l.Kube.Client.CoordinationV1().Leases(metav1.NamespaceSystem).Get(ctx, "cilium-l2announce-default-echo", metav1.GetOptions{})
			if err != nil || lease.Spec.RenewTime == nil {
				return time.Time{}, err
			}
			return lease.Spec.RenewTime.Time, nil
		}
		by := held(ctx, l)
		for range 3 {
			before, err := read()
			Expect(err).NotTo(HaveOccurred())
			Eventually(ctx, read).WithTimeout(within).WithPolling(often).Should(BeTemporally(">", before))
		}
		// If one renewal had taken longer than the lease lasts, another node would hold the lease now.
		Expect(holder(ctx, l, "echo")).To(Equal(by))
	})

	It("moves with its lease, and the new holder sends gratuitous ARP", Label("arp"), func(ctx SpecContext) {
		by := held(ctx, l)
		l.Patch(ctx, cilium.L2Policy, labtest.Planned, onlyOn(l, other(by)))
		announcedBy(ctx, l, vip, other(by))
		soon, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		_, err := l.Events().Await(soon, timeline.Filter{Lanes: []timeline.Lane{timeline.LaneARP}, Kinds: []string{"gratuitous"}, Fields: map[string]string{"sender": vip.String(), "senderMAC": mac(ctx, l, other(by))}})
		Expect(err).NotTo(HaveOccurred(), "gratuitous ARP of %s", other(by))
		Expect(ask(ctx, l, vip, 80)).To(Equal("answered"))
	})

	It("is taken over when the holder's link goes down, and a single MAC answers when the link is up again", Label("failover"), func(ctx SpecContext) {
		by := held(ctx, l)
		node, err := l.Node(by)
		Expect(err).NotTo(HaveOccurred())
		labtest.Undo(func(ctx SpecContext) {
			_, err := node.Exec(ctx, "sh", "-c", restore)
			Expect(err).NotTo(HaveOccurred())
		})
		_, err = node.Exec(ctx, "sh", "-c", "ip route save table main > /tmp/skidpad-routes; ip link set eth0 down")
		Expect(err).NotTo(HaveOccurred())
		Eventually(ctx, func() string { return ask(ctx, l, vip, 80) }).WithTimeout(within).WithPolling(often).Should(Equal("answered"))
		Eventually(ctx, holder).WithArguments(l, "echo").WithTimeout(within).WithPolling(often).Should(Equal(other(by)))
		_, err = node.Exec(ctx, "sh", "-c", restore)
		Expect(err).NotTo(HaveOccurred())
		announcedBy(ctx, l, vip, other(by))
		Consistently(ctx, answering).WithArguments(l, vip).WithTimeout(6 * time.Second).WithPolling(time.Second).Should(ConsistOf(other(by)))
	})

	It("stays answered while the holder's agent is killed and comes back", Label("agent"), func(ctx SpecContext) {
		by := held(ctx, l)
		node, err := l.Node(by)
		Expect(err).NotTo(HaveOccurred())
		_, err = node.Exec(ctx, "pkill", "-KILL", "-x", "cilium-agent")
		Expect(err).NotTo(HaveOccurred())
		Consistently(ctx, func() string { return ask(ctx, l, vip, 80) }).WithTimeout(6 * time.Second).WithPolling(time.Second).Should(Equal("answered"))
		Eventually(ctx, answering).WithArguments(l, vip).WithTimeout(agentBack).WithPolling(time.Second).Should(HaveLen(1))
	})
})

// restore brings a node's link up, with its former routes.
const restore = "ip link set eth0 up; ip route restore < /tmp/skidpad-routes 2>/dev/null; true"

// onlyOn is the patch that limits announcements to one node.
func onlyOn(l *labtest.Lab, node string) string {
	return fmt.Sprintf(`{"spec": {"nodeSelector": {"matchLabels": {"kubernetes.io/hostname": %q}}}}`, l.Plan.Cluster.Name+"-"+node)
}

var _ = Describe("An L2 announcement policy", Label("l2", "cilium", "policy"), func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) { l = labtest.Open(ctx, "cilium-l2") })

	for _, node := range []string{"worker", "worker2"} {
		It("with "+node+" selected lets that node alone answer", func(ctx SpecContext) {
			vip := address(ctx, l, "echo")
			l.Patch(ctx, cilium.L2Policy, labtest.Planned, onlyOn(l, node))
			announcedBy(ctx, l, vip, node)
			Eventually(ctx, holder).WithArguments(l, "echo").WithTimeout(within).WithPolling(often).Should(Equal(node))
		})
	}

	It("with an interface absent on all nodes lets no node answer (negative control)", Label("negative-control"), func(ctx SpecContext) {
		vip := address(ctx, l, "echo")
		l.Patch(ctx, cilium.L2Policy, labtest.Planned, `{"spec": {"interfaces": ["^absent[0-9]+$"]}}`)
		announcedBy(ctx, l, vip)
		l.Repatch(ctx, cilium.L2Policy, labtest.Planned, `{"spec": {"interfaces": ["^eth[0-9]+$"]}}`)
		Eventually(ctx, answering).WithArguments(l, vip).WithTimeout(within).WithPolling(often).Should(HaveLen(1))
	})

	It("without LoadBalancer IPs leaves the LoadBalancer IPs unanswered (negative control)", Label("negative-control"), func(ctx SpecContext) {
		vip := address(ctx, l, "echo")
		l.Patch(ctx, cilium.L2Policy, labtest.Planned, `{"spec": {"loadBalancerIPs": false}}`)
		announcedBy(ctx, l, vip)
	})

	It("with a selector announces the selected services alone", func(ctx SpecContext) {
		vip := address(ctx, l, "echo")
		l.Patch(ctx, cilium.L2Policy, labtest.Planned, `{"spec": {"serviceSelector": {"matchLabels": {"announce": "yes"}}}}`)
		l.Service(ctx, "chosen", "echo", func(s *corev1.Service) { s.Labels["announce"] = "yes" })
		Eventually(ctx, answering).WithArguments(l, address(ctx, l, "chosen")).WithTimeout(within).WithPolling(often).Should(HaveLen(1))
		announcedBy(ctx, l, vip)
	})

	It("announces an ExternalIP, too, as soon as a service has the address", Label("externalIP"), func(ctx SpecContext) {
		at := netip.MustParseAddr("198.51.100.250")
		l.Service(ctx, "fresh", "echo", func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP })
		Expect(answering(ctx, l, at)).To(BeEmpty())
		l.EditService(ctx, "fresh", func(s *corev1.Service) { s.Spec.ExternalIPs = []string{at.String()} })
		Eventually(ctx, answering).WithArguments(l, at).WithTimeout(within).WithPolling(often).Should(HaveLen(1))
		Eventually(ctx, func() string { return ask(ctx, l, at, 80) }).WithTimeout(within).WithPolling(often).Should(Equal("answered"))
	})

	It("does not announce a service of BGP's load-balancer class (negative control)", Label("negative-control"), func(ctx SpecContext) {
		class := "io.cilium/bgp-control-plane"
		at := netip.MustParseAddr("198.51.100.251")
		l.Service(ctx, "silent", "echo", func(s *corev1.Service) {
			s.Spec.LoadBalancerClass, s.Spec.ExternalIPs = &class, []string{at.String()}
		})
		l.Service(ctx, "witness", "echo", nil)
		Eventually(ctx, answering).WithArguments(l, address(ctx, l, "witness")).WithTimeout(within).WithPolling(often).Should(HaveLen(1))
		Expect(answering(ctx, l, at)).To(BeEmpty())
		// BGP is off in this lab, so the service gets no LoadBalancer address either.
		Expect(l.Ingress(ctx, "silent")).To(HaveField("IsValid()", false))
	})
})
