package addons_test

import (
	"context"
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
)

var _ = Describe("Cilium beside kube-proxy", Label("cilium-kube-proxy", "cilium", "addons", "slow"), func() {
	beside := func(ctx SpecContext) *labtest.Lab {
		return up(ctx, "cilium-bgp-vrrp-with-proxy", "cilium-bgp-vrrp/with-proxy.yaml")
	}
	// reached reads the answer of a new Service's external address to one request of the client.
	reached := func(ctx context.Context, l *labtest.Lab, at netip.Addr) (string, error) {
		client, err := l.Node("client")
		if err != nil {
			return "", err
		}
		shots, err := probe.Once(ctx, client, probe.Shots{Proto: record.HTTP, Targets: []netip.AddrPort{netip.AddrPortFrom(at, 80)}, Timeout: time.Second})
		if err != nil {
			return "", err
		}
		return shots[0].Error, nil
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
		Eventually(ctx, reached).WithArguments(l, at).WithTimeout(labtest.Patience(20 * time.Second)).WithPolling(labtest.Often).Should(BeEmpty())
	})

	It("has no answer at a new Service's address while no kube-proxy runs, although the address is announced (negative control)", Label("negative-control"), func(ctx SpecContext) {
		l, at := beside(ctx), netip.MustParseAddr("203.0.113.61")
		on := func(ctx SpecContext, selector string, pods int) {
			patch := []byte(`{"spec":{"template":{"spec":{"nodeSelector":` + selector + `}}}}`)
			proxies := l.Kube.Client.AppsV1().DaemonSets(metav1.NamespaceSystem)
			_, err := proxies.Patch(ctx, "kube-proxy", types.MergePatchType, patch, metav1.PatchOptions{})
			Expect(err).NotTo(HaveOccurred())
			Eventually(ctx, func() (int32, error) {
				d, err := proxies.Get(ctx, "kube-proxy", metav1.GetOptions{})
				return d.Status.NumberReady, err
			}).WithTimeout(labtest.Patience(time.Minute)).WithPolling(labtest.Often).Should(BeEquivalentTo(pods))
		}
		DeferCleanup(on, `{"no":null}`, 3)
		on(ctx, `{"no":"node"}`, 0)
		l.Service(ctx, "new", "echo", external(at))
		prefix := netip.PrefixFrom(at, 32)
		Eventually(ctx, l.Paths).WithArguments("r1", prefix).WithTimeout(labtest.Patience(20 * time.Second)).WithPolling(labtest.Often).ShouldNot(BeEmpty())
		Consistently(ctx, reached).WithArguments(l, at).WithTimeout(3 * time.Second).ShouldNot(BeEmpty())
	})
})
