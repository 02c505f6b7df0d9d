package reachability_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
)

var _ = Describe("A node whose default route leads to a management network", Label("reachability", "topology", "slow"), Serial, Ordered, func() {
	var l *labtest.Lab

	BeforeAll(func(ctx SpecContext) { l = labtest.Up(ctx, "wrong-nic", labtest.Load("wrong-nic")) })

	It("answers a client behind the fabric, by a rule for its address on the fabric", func(ctx SpecContext) {
		Expect(onNode(ctx, l, way(l)...)).To(ContainSubstring("dev eth0"))
		Expect(pinged(ctx, l)).To(ContainSubstring(" 20 received"))
	})

	It("answers by the wrong NIC without the rule, and the client gets no answer (negative control)", Label("negative-control"), func(ctx SpecContext) {
		onNode(ctx, l, "ip", "rule", "del", "priority", "1000")
		Expect(onNode(ctx, l, way(l)...)).To(ContainSubstring("dev mgmt"))
		Expect(pinged(ctx, l)).To(ContainSubstring(" 0 received"))
		Expect(l.Status(ctx)).To(HaveField("Problems", ContainElement(ContainSubstring("rule priority 1000"))))
	})

	It("has the rule again after another up", func(ctx SpecContext) {
		l = labtest.Up(ctx, "wrong-nic", labtest.Load("wrong-nic"))
		Expect(pinged(ctx, l)).To(ContainSubstring(" 20 received"))
	})
})

// onFabric is the node's address on the fabric: the first of the engine's range.
const onFabric = "10.61.1.64"

// way asks the node's kernel for the route of an answer to the client.
func way(l *labtest.Lab) []string {
	return []string{"ip", "route", "get", l.Plan.Clients[0].Network.Address.String(), "from", onFabric}
}

// pinged returns the client's summary of 20 pings of the node.
func pinged(ctx context.Context, l *labtest.Lab) string {
	GinkgoHelper()
	n, err := l.Node("client")
	Expect(err).NotTo(HaveOccurred())
	out, err := n.Exec(ctx, "sh", "-c", "ping -n -c 20 -i 0.1 -W 1 "+onFabric+" || true")
	Expect(err).NotTo(HaveOccurred())
	return string(out)
}

func onNode(ctx context.Context, l *labtest.Lab, cmd ...string) string {
	GinkgoHelper()
	n, err := l.Node("control-plane")
	Expect(err).NotTo(HaveOccurred())
	out, err := n.Exec(ctx, cmd...)
	Expect(err).NotTo(HaveOccurred(), string(out))
	return string(out)
}
