package addons_test

import (
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/labtest"
)

var _ = Describe("Cilium beside kube-proxy", Label("cilium-kube-proxy", "cilium", "addons", "slow"), func() {
	beside := func(ctx SpecContext) *labtest.Lab {
		return up(ctx, "cilium-bgp-vrrp-with-proxy", "cilium-bgp-vrrp/with-proxy.yaml")
	}
	external := func(at netip.Addr) func(*corev1.Service) {
		return func(s *corev1.Service) { s.Spec.ExternalIPs = []string{at.String()} }
	}

	It("announces pods and Services, which answer, and the agents replace nothing", func(ctx SpecContext) {
		l := beside(ctx)
		Expect(quick(ctx, l)).To(labtest.Hold())
		worker, err := l.Node("worker")
		Expect(err).NotTo(HaveOccurred())
		status, err := worker.Exec(ctx, "sh", "-c", "crictl exec $(crictl ps --quiet --name cilium-agent) cilium-dbg status")
		Expect(err).NotTo(HaveOccurred())
		Expect(string(status)).To(MatchRegexp(`KubeProxyReplacement: +False`))
	})

	It("has an answer at a new Service's address", func(ctx SpecContext) {
		l, at := beside(ctx), netip.MustParseAddr("203.0.113.60")
		l.Service(ctx, "new", "echo", external(at))
		Eventually(ctx, matrix{l}.answers).WithArguments("client", at).WithTimeout(labtest.Patience(20 * time.Second)).WithPolling(labtest.Often).Should(BeEmpty())
	})

	It("has no answer at a new Service's address while no kube-proxy runs, although the address is announced (negative control)", Label("negative-control"), func(ctx SpecContext) {
		l, at := beside(ctx), netip.MustParseAddr("203.0.113.61")
		on := func(ctx SpecContext, selector string, pods int) {
			confine(ctx, l, metav1.NamespaceSystem, "kube-proxy", selector)
			Eventually(ctx, func() (int32, error) {
				d, err := l.Kube.Client.AppsV1().DaemonSets(metav1.NamespaceSystem).Get(ctx, "kube-proxy", metav1.GetOptions{})
				return d.Status.NumberReady, err
			}).WithTimeout(labtest.Patience(time.Minute)).WithPolling(labtest.Often).Should(BeEquivalentTo(pods))
		}
		DeferCleanup(on, `{"no":null}`, 3)
		on(ctx, `{"no":"node"}`, 0)
		l.Service(ctx, "new", "echo", external(at))
		prefix := netip.PrefixFrom(at, 32)
		Eventually(ctx, l.Paths).WithArguments("r1", prefix).WithTimeout(labtest.Patience(20 * time.Second)).WithPolling(labtest.Often).ShouldNot(BeEmpty())
		Consistently(ctx, matrix{l}.answers).WithArguments("client", at).WithTimeout(3 * time.Second).ShouldNot(BeEmpty())
	})
})
