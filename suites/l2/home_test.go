package l2_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// home is a lab of one node whose Service has addresses in the node's own subnet.
type home struct {
	*labtest.Lab
	v4, v6 netip.Addr
}

// believed bounds the time until a bridge believes in its list of listeners: with a querier, the bridge asks within 31 s after
// its first port, and waits 10 s for answers.
var believed = labtest.Patience(90 * time.Second)

// at brings up a scenario, and learns the addresses.
func (h *home) at(ctx SpecContext, file string) {
	GinkgoHelper()
	s, err := scenario.Load(filepath.Join(labtest.Source(), "scenarios", file), lab.Kinds())
	Expect(err).NotTo(HaveOccurred())
	h.Lab = labtest.UpUnjudged(ctx, s.Metadata.Name, s)
	Eventually(ctx, func() error {
		service, err := h.Kube.Client.CoreV1().Services(metav1.NamespaceDefault).Get(ctx, "echo", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, in := range service.Status.LoadBalancer.Ingress {
			if a, err := netip.ParseAddr(in.IP); err == nil && a.Is4() {
				h.v4 = a
			} else if err == nil {
				h.v6 = a
			}
		}
		if !h.v4.IsValid() || !h.v6.IsValid() {
			return fmt.Errorf("echo has the addresses %v, want one of each IP family", service.Status.LoadBalancer.Ingress)
		}
		return nil
	}).WithTimeout(within).WithPolling(often).Should(Succeed())
}

// down takes the lab down.
func (h *home) down(ctx SpecContext) {
	if h.Lab == nil {
		return
	}
	_, err := lab.Down(ctx, h.Plan.Lab)
	Expect(err).NotTo(HaveOccurred())
}

// bridge turns the querier of the fabric's bridge, and flooding on the ports, on or off. It needs root on the engine's machine.
func (h *home) bridge(querier, flood bool) {
	GinkgoHelper()
	fabric := h.Plan.Bridges()[0]
	value := map[bool][]byte{true: []byte("1"), false: []byte("0")}
	dir := filepath.Join("/sys/class/net", fabric.Bridge)
	Expect(os.WriteFile(filepath.Join(dir, "bridge", "multicast_querier"), value[querier], 0)).To(Succeed())
	ports, err := filepath.Glob(filepath.Join(dir, "brif", "*", "multicast_flood"))
	Expect(err).NotTo(HaveOccurred())
	Expect(ports).NotTo(BeEmpty())
	for _, port := range ports {
		Expect(os.WriteFile(port, value[flood], 0)).To(Succeed())
	}
}

// fresh asks an address from the client, whose kernel does not know the MAC yet.
func (h *home) fresh(ctx context.Context, at netip.Addr) string {
	GinkgoHelper()
	client, err := h.Node("client")
	Expect(err).NotTo(HaveOccurred())
	_, err = client.Exec(ctx, "ip", "neigh", "flush", "to", at.String())
	Expect(err).NotTo(HaveOccurred())
	return ask(ctx, h.Lab, at, 80)
}

// both expects answers at both addresses.
func (h *home) both(ctx SpecContext) {
	GinkgoHelper()
	for _, a := range []netip.Addr{h.v4, h.v6} {
		Eventually(ctx, h.fresh).WithArguments(a).WithTimeout(believed).WithPolling(often).Should(Equal("answered"), "%s", a)
	}
}

// onlyIPv4 expects answers at the IPv4 address alone.
func (h *home) onlyIPv4(ctx SpecContext) {
	GinkgoHelper()
	Eventually(ctx, h.fresh).WithArguments(h.v6).WithTimeout(believed).WithPolling(often).ShouldNot(Equal("answered"), "%s", h.v6)
	for range 3 {
		Expect(h.fresh(ctx, h.v4)).To(Equal("answered"), "%s", h.v4)
		Expect(h.fresh(ctx, h.v6)).NotTo(Equal("answered"), "%s", h.v6)
	}
}

// IPv6 asks for a MAC by a packet to the solicited-node multicast group of the address (RFC 4861, 7.2.2), and a bridge with MLD
// snooping sends the packet to the listeners of the group alone (RFC 4541). Linux snoops while a querier is there:
//
//	                           ports without a known listener get the packet   IPv6 works
//	no querier, flooding       yes: no querier, no snooping                     always
//	querier                    no                                               if the node has reported the group by MLD
//	no querier, no flooding    no, nor do listeners: the list is not believed   never
var _ = Describe("At home, with one node, an address in the node's own subnet, and a bridge with MLD snooping,", Label("l2", "home", "ipv6", "slow"), func() {
	Context("MetalLB, which joins the group of each address,", Ordered, Label("metallb"), func() {
		h := &home{}
		BeforeAll(func(ctx SpecContext) { h.at(ctx, "metallb-l2/home.yaml") })
		AfterAll(h.down)

		It("answers by IPv4 and IPv6 if the bridge has a querier and drops other multicast packets", func(ctx SpecContext) { h.both(ctx) })

		It("answers by IPv4 alone if such a bridge has no querier (negative control)", Label("negative-control"), func(ctx SpecContext) {
			h.bridge(false, false)
			h.onlyIPv4(ctx)
		})

		It("answers by IPv4 and IPv6 without a querier if the bridge floods, as Linux does by default", func(ctx SpecContext) {
			h.bridge(false, true)
			h.both(ctx)
		})
	})

	Context("Cilium, which does not report the group,", Ordered, Label("cilium"), func() {
		h := &home{}
		BeforeAll(func(ctx SpecContext) { h.at(ctx, "cilium-l2/home.yaml") })
		AfterAll(h.down)

		It("answers by IPv4 and IPv6 without a querier, as the bridge floods", func(ctx SpecContext) { h.both(ctx) })

		It("answers by IPv4 alone if the bridge has a querier (negative control)", Label("negative-control"), func(ctx SpecContext) {
			h.bridge(true, true)
			h.onlyIPv4(ctx)
		})

		It("answers by IPv6 with a querier once the node joins the group", func(ctx SpecContext) {
			node, err := h.Node("control-plane")
			Expect(err).NotTo(HaveOccurred())
			raw := h.v6.As16()
			group := fmt.Sprintf("ff02::1:ff%02x:%02x%02x", raw[13], raw[14], raw[15])
			_, err = node.Exec(ctx, "ip", "addr", "add", group+"/128", "dev", "eth0", "autojoin")
			Expect(err).NotTo(HaveOccurred())
			h.both(ctx)
		})
	})
})
