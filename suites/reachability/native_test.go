package reachability_test

import (
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// soon bounds the checks of labs in their base state.
var soon = scenario.Duration(labtest.Patience(20 * time.Second))

// inside runs one check of a lab; tables call inside when the spec runs.
func inside(ctx SpecContext, l *labtest.Lab, c check.Check) []check.Result {
	return check.Run(ctx, l.Lab, c)
}

// origins is a table of a workload's addresses by the origin of packets.
func origins(open func(SpecContext) *labtest.Lab, workload string, entries ...TableEntry) {
	DescribeTable("is answered, and the pod sees the sender's own address", func(ctx SpecContext, from string, to scenario.Target) {
		l := open(ctx)
		Expect(inside(ctx, l, &check.Reach{From: from, To: []scenario.Target{to}, Workload: workload, Source: "client", Within: soon})).To(labtest.Hold())
	}, entries)
}

var _ = Describe("Native routing on one L2 network", Label("reachability", "cilium", "native", "slow", "kind-cilium-native"), func() {
	open := func(ctx SpecContext) *labtest.Lab { return labtest.Open(ctx, "kind-cilium-native") }

	It("gives every node a route to each other node's pods, via the other node itself", func(ctx SpecContext) {
		Expect(inside(ctx, open(ctx), &check.NodeRoutes{Within: soon})).To(labtest.Hold())
	})

	It("sends packets between pods of two nodes without encapsulation", func(ctx SpecContext) {
		Expect(inside(ctx, open(ctx), &check.Wire{Between: []string{"worker", "worker2"},
			Encapsulation: check.EncapsulationNone, Workload: "hello", Within: soon})).To(labtest.Hold())
	})

	It("puts the service with both backends into every agent's own list", func(ctx SpecContext) {
		Expect(inside(ctx, open(ctx), &check.ServiceList{Workload: "hello", Within: soon})).To(labtest.Hold())
	})

	origins(open, "hello",
		Entry("at every pod IP, from a node without a pod", "control-plane", scenario.TargetPod),
		Entry("at the ClusterIP, from a node without a pod", "control-plane", scenario.TargetClusterIP),
		Entry("at the ClusterIP, from a node with a pod", "worker", scenario.TargetClusterIP),
		Entry("at every pod IP, from a pod on the first worker", "pod/hello@worker", scenario.TargetPod),
		Entry("at every pod IP, from a pod on the second worker", "pod/hello@worker2", scenario.TargetPod),
		Entry("at the ClusterIP, from a pod", "pod/hello@worker", scenario.TargetClusterIP),
	)
})

var _ = Describe("Tunnel routing on one L2 network", Label("reachability", "cilium", "vxlan", "negative-control", "slow", "kind-cilium-native"), func() {
	It("shows VXLAN on the wire, and fails the checks of native routing (negative control)", func(ctx SpecContext) {
		s, err := scenario.Load(filepath.Join(labtest.Source(), "scenarios", "kind-cilium-native", "vxlan.yaml"), lab.Kinds())
		Expect(err).NotTo(HaveOccurred())
		l := labtest.Up(ctx, s.Metadata.Name, s)
		wire := func(e check.Encapsulation, within time.Duration) []check.Result {
			return inside(ctx, l, &check.Wire{Between: []string{"worker", "worker2"}, Encapsulation: e, Workload: "hello", Within: scenario.Duration(within)})
		}
		Expect(wire(check.EncapsulationVXLAN, labtest.Patience(20*time.Second))).To(labtest.Hold())
		Expect(wire(check.EncapsulationNone, time.Second)).To(ConsistOf(HaveField("Verdict", check.Failed)))
		routes := inside(ctx, l, &check.NodeRoutes{Within: scenario.Duration(time.Second)})
		Expect(routes).To(ConsistOf(HaveField("Verdict", check.Failed)))
	})
})
