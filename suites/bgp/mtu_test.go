package bgp_test

import (
	"context"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
)

// echoed reports whether the server answers an ICMP echo of a size that no router may fragment.
func echoed(ctx context.Context, l *labtest.Lab, bytes int) bool {
	GinkgoHelper()
	n, err := l.Node("client")
	Expect(err).NotTo(HaveOccurred())
	var server string
	for _, c := range l.Plan.Clients {
		if c.Name == "server" {
			server = c.Network.Address.String()
		}
	}
	const headers = 20 + 8 // of IPv4 and ICMP
	_, err = n.Exec(ctx, "ping", "-n", "-c", "3", "-i", "0.2", "-W", "1", "-M", "do", "-s", strconv.Itoa(bytes-headers), server)
	return err == nil
}

var _ = Describe("A router with a link of a smaller MTU than its neighbour's,", Label("bgp", "mtu", "frr"), Serial, func() {
	It("keeps its BGP session and its small packets, and loses packets of full size until the MTU is put back", func(ctx SpecContext) {
		l := silenced(ctx, "scenario", "frr")
		Eventually(ctx, echoed).WithArguments(l, 1500).WithTimeout(labtest.Patience(30 * time.Second)).WithPolling(time.Second).Should(BeTrue())

		small := l.Inject(ctx, &fault.MTU{Node: "r2", Network: "middle", Bytes: 1400})
		Consistently(ctx, echoed).WithArguments(l, 1500).WithTimeout(5 * time.Second).WithPolling(time.Second).Should(BeFalse())
		Expect(echoed(ctx, l, 1400)).To(BeTrue(), "a packet of the smaller MTU (negative control)")
		r1, err := l.Router("r1")
		Expect(err).NotTo(HaveOccurred())
		Expect(r1.Sessions(ctx)).To(HaveEach(HaveField("State", bgp.Established)))

		Expect(small.Clear(ctx)).To(Succeed())
		Expect(echoed(ctx, l, 1500)).To(BeTrue(), "after the MTU was put back")
	})
})
