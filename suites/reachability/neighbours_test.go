package reachability_test

import (
	"net/netip"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/matrix"
)

var _ = Describe("An address that Cilium announces on the nodes' segment", Label("reachability", "cilium", "l2", "matrix"), func() {
	for _, f := range matrix.Families() {
		by := map[matrix.Family]string{matrix.IPv4: "ARP", matrix.IPv6: "NDP"}[f]
		for _, policy := range []matrix.Policy{matrix.Cluster, matrix.Local} {
			It("is answered by "+by+" from exactly the node selected by the policy, eTP="+string(policy), Label(string(f), "eTP-"+string(policy)), func(ctx SpecContext) {
				t := open(ctx)
				v := matrix.Variant{External: policy, Internal: matrix.Cluster, Mode: matrix.DSR, Announce: matrix.L2}
				selected := t.other
				if policy == matrix.Local {
					selected = t.podNode
				}
				for _, at := range []netip.Addr{v.LoadBalancerIP(f), v.ExternalIP(f)} {
					Expect(t.Answering(ctx, "near", "fabric", at)).To(ConsistOf(selected), at.String())
				}
			})
		}

		It("is not answered by "+by+" if no service has the address, or a service of BGP (negative control)", Label(string(f), "negative-control"), func(ctx SpecContext) {
			t := open(ctx)
			free := matrix.Variants()[len(matrix.Variants())-1].LoadBalancerIP(f).Next()
			routed := matrix.Variant{External: matrix.Cluster, Internal: matrix.Cluster, Mode: matrix.DSR, Announce: matrix.BGP}.LoadBalancerIP(f)
			for _, at := range []netip.Addr{free, routed} {
				Expect(t.Answering(ctx, "near", "fabric", at)).To(BeEmpty(), at.String())
			}
		})
	}
})
