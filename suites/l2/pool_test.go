package l2_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/addon/cilium"
	"skidpad.dev/skidpad/lab/labtest"
)

// block is a range of a pool's addresses, first and last included.
func block(first, last string) any { return map[string]any{"start": first, "stop": last} }

// narrow creates a pool of blocks for services with the label pool=narrow, and returns when the lab's own pool no
// longer selects such services.
func narrow(ctx SpecContext, l *labtest.Lab, blocks ...any) {
	GinkgoHelper()
	l.Patch(ctx, cilium.Pool, labtest.Planned, `{"spec": {"serviceSelector": {"matchExpressions": [{"key": "pool", "operator": "DoesNotExist"}]}}}`)
	// The operator learns of pools and of services independently, and may give a service an address of the pool's
	// former state.
	l.Service(ctx, "witness", "echo", func(s *corev1.Service) { s.Labels["pool"] = "none" })
	Eventually(ctx, served).WithArguments(l, "witness").WithTimeout(within).WithPolling(often).Should(BeEquivalentTo("False"))
	l.Object(ctx, cilium.Pool, "CiliumLoadBalancerIPPool", "narrow", nil, map[string]any{
		"blocks":          blocks,
		"serviceSelector": map[string]any{"matchLabels": map[string]any{"pool": "narrow"}},
	})
}

// served returns the state of a service's request for addresses: True, False, or nothing before Cilium's operator has
// seen the service. For Eventually.
func served(ctx context.Context, l *labtest.Lab, service string) (metav1.ConditionStatus, error) {
	s, err := l.Kube.Client.CoreV1().Services(metav1.NamespaceDefault).Get(ctx, service, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if c := meta.FindStatusCondition(s.Status.Conditions, "cilium.io/IPAMRequestSatisfied"); c != nil {
		return c.Status, nil
	}
	return "", nil
}

func inNarrow(s *corev1.Service) { s.Labels["pool"] = "narrow" }

var _ = Describe("A pool of LoadBalancer addresses", Label("l2", "cilium", "pool"), func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) { l = labtest.Open(ctx, "cilium-l2") })
	first, second := netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("192.0.2.11")
	none := func(ctx SpecContext, service string) {
		GinkgoHelper()
		Consistently(ctx, l.Ingress).WithArguments(service).WithTimeout(3 * time.Second).WithPolling(often).Should(HaveField("IsValid()", false))
	}

	It("gives a further service no address while the pool is full, and an address when a service frees one", func(ctx SpecContext) {
		narrow(ctx, l, block("192.0.2.10", "192.0.2.10"))
		l.Service(ctx, "one", "echo", inNarrow)
		Expect(address(ctx, l, "one")).To(Equal(first))
		l.Service(ctx, "two", "echo", inNarrow)
		none(ctx, "two")
		l.DeleteService(ctx, "one")
		Expect(address(ctx, l, "two")).To(Equal(first))
	})

	It("gives the waiting service an address when the pool is widened, and leaves assigned addresses (cilium#40358)", func(ctx SpecContext) {
		narrow(ctx, l, block("192.0.2.10", "192.0.2.10"))
		l.Service(ctx, "one", "echo", inNarrow)
		Expect(address(ctx, l, "one")).To(Equal(first))
		l.Service(ctx, "two", "echo", inNarrow)
		none(ctx, "two")
		l.Repatch(ctx, cilium.Pool, "narrow", `{"spec": {"blocks": [{"start": "192.0.2.10", "stop": "192.0.2.11"}]}}`)
		Expect(address(ctx, l, "two")).To(Equal(second))
		Expect(address(ctx, l, "one")).To(Equal(first))
	})

	It("withdraws an address outside its new range when the pool is moved, and gives another address", func(ctx SpecContext) {
		narrow(ctx, l, block("192.0.2.10", "192.0.2.10"))
		l.Service(ctx, "one", "echo", inNarrow)
		Expect(address(ctx, l, "one")).To(Equal(first))
		l.Repatch(ctx, cilium.Pool, "narrow", `{"spec": {"blocks": [{"start": "192.0.2.11", "stop": "192.0.2.11"}]}}`)
		Eventually(ctx, l.Ingress).WithArguments("one").WithTimeout(within).WithPolling(often).Should(Equal(second))
	})

	It("withdraws the addresses of a removed block, and nothing answers for them, while the other services keep their addresses", func(ctx SpecContext) {
		// A whole block is removed: when a block is cut, Cilium 1.19 distributes the remaining addresses again among
		// all services of the block (cilium#41458).
		narrow(ctx, l, block("192.0.2.10", "192.0.2.10"), block("192.0.2.11", "192.0.2.11"))
		l.Service(ctx, "one", "echo", inNarrow)
		Expect(address(ctx, l, "one")).To(Equal(first))
		l.Service(ctx, "two", "echo", inNarrow)
		Expect(address(ctx, l, "two")).To(Equal(second))
		Eventually(ctx, answering).WithArguments(l, second).WithTimeout(within).WithPolling(often).Should(HaveLen(1))
		l.Repatch(ctx, cilium.Pool, "narrow", `{"spec": {"blocks": [{"start": "192.0.2.10", "stop": "192.0.2.10"}]}}`)
		Eventually(ctx, l.Ingress).WithArguments("two").WithTimeout(within).WithPolling(often).Should(HaveField("IsValid()", false))
		announcedBy(ctx, l, second)
		none(ctx, "two")
		Expect(address(ctx, l, "one")).To(Equal(first))
		Eventually(ctx, answering).WithArguments(l, first).WithTimeout(within).WithPolling(often).Should(HaveLen(1))
	})

	It("gives no new address while the pool is disabled, and leaves assigned addresses", func(ctx SpecContext) {
		narrow(ctx, l, block("192.0.2.10", "192.0.2.250"))
		l.Service(ctx, "one", "echo", inNarrow)
		given := address(ctx, l, "one")
		l.Repatch(ctx, cilium.Pool, "narrow", `{"spec": {"disabled": true}}`)
		// Services get addresses until the operator has seen the change.
		asked := 0
		Eventually(ctx, func(g Gomega) metav1.ConditionStatus {
			asked++
			early := fmt.Sprintf("early-%d", asked)
			l.Service(ctx, early, "echo", inNarrow)
			Eventually(ctx, served).WithArguments(l, early).WithTimeout(within).WithPolling(often).ShouldNot(BeEmpty())
			now, err := served(ctx, l, early)
			g.Expect(err).NotTo(HaveOccurred())
			return now
		}).WithTimeout(within).WithPolling(often).Should(BeEquivalentTo("False"))
		l.Service(ctx, "two", "echo", inNarrow)
		none(ctx, "two")
		Expect(address(ctx, l, "one")).To(Equal(given))
	})

	It("gives a service no address if the service requests an address outside the pool (negative control)", Label("negative-control"), func(ctx SpecContext) {
		l.Service(ctx, "stranger", "echo", func(s *corev1.Service) { s.Annotations["lbipam.cilium.io/ips"] = "192.0.2.99" })
		none(ctx, "stranger")
	})

	It("gives two services with the same sharing key the same address, and both services answer", Label("arp"), func(ctx SpecContext) {
		share := func(port int32) func(*corev1.Service) {
			return func(s *corev1.Service) {
				s.Annotations["lbipam.cilium.io/sharing-key"], s.Annotations["lbipam.cilium.io/ips"] = "together", "198.51.100.99"
				s.Spec.Ports = s.Spec.Ports[:1]
				s.Spec.Ports[0].Port = port
			}
		}
		l.Service(ctx, "one", "echo", share(80))
		l.Service(ctx, "two", "echo", share(81))
		at := address(ctx, l, "one")
		Expect(address(ctx, l, "two")).To(Equal(at))
		for _, port := range []uint16{80, 81} {
			Eventually(ctx, func() string { return ask(ctx, l, at, port) }).WithTimeout(within).WithPolling(often).Should(Equal("answered"))
		}
	})

	It("gives two services without a common sharing key two addresses (negative control)", Label("negative-control"), func(ctx SpecContext) {
		l.Service(ctx, "one", "echo", nil)
		l.Service(ctx, "two", "echo", nil)
		Expect(address(ctx, l, "one")).NotTo(Equal(address(ctx, l, "two")))
	})
})

var _ = Describe("eTP=Local with L2 announcements", Label("l2", "cilium", "eTP-Local"), func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) { l = labtest.Open(ctx, "cilium-l2") })

	// alone leaves one pod, and lets one node announce: the pod's node or the other worker.
	alone := func(ctx SpecContext, beside bool) netip.Addr {
		GinkgoHelper()
		l.Scale(ctx, "echo", 1)
		var on string
		Eventually(ctx, func() (int, error) {
			e, err := l.Endpoints(ctx, "echo")
			if len(e.Pods) > 0 {
				on = e.Pods[0].Node
			}
			return len(e.Pods), err
		}).WithTimeout(within).WithPolling(often).Should(Equal(1))
		if !beside {
			on = other(on)
		}
		l.Patch(ctx, cilium.L2Policy, labtest.Planned, onlyOn(l, on))
		vip := address(ctx, l, "echo")
		announcedBy(ctx, l, vip, on)
		return vip
	}

	It("is answered if the announcing node has a pod", func(ctx SpecContext) {
		vip := alone(ctx, true)
		Eventually(ctx, func() string { return ask(ctx, l, vip, 80) }).WithTimeout(within).WithPolling(often).Should(Equal("answered"))
	})

	It("is refused if the announcing node has no pod, a limitation documented by Cilium (cilium#27800)", func(ctx SpecContext) {
		vip := alone(ctx, false)
		Eventually(ctx, func() string { return ask(ctx, l, vip, 80) }).WithTimeout(within).WithPolling(often).Should(Equal("connection refused"))
	})

	It("depends on the policy alone: with eTP=Cluster the same announcing node answers (negative control)", Label("negative-control"), func(ctx SpecContext) {
		alone(ctx, false)
		l.Service(ctx, "cluster", "echo", nil)
		at := address(ctx, l, "cluster")
		Eventually(ctx, func() string { return ask(ctx, l, at, 80) }).WithTimeout(within).WithPolling(often).Should(Equal("answered"))
	})
})
