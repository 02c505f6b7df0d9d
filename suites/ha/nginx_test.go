package ha_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ = Describe("API servers behind keepalived and nginx", Label("ha", "ha-keepalived-nginx", "slow"), Serial, func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) {
		l = labtest.Open(ctx, "ha-keepalived-nginx")
		Eventually(ctx, l.APIHolder).Within(labtest.Patience(30 * time.Second)).ProbeEvery(200 * time.Millisecond).Should(Equal("control-plane"))
	})

	It("move their address by the check script when nginx hangs", func(ctx SpecContext) {
		hangs := &check.API{
			Fault: scenario.FaultOf(&fault.PauseProcess{Node: "control-plane", Process: "nginx"}), Every: check.DefaultWriteEvery, Tolerance: scenario.Duration(time.Second),
		}
		results := l.Judge(ctx, hangs)
		Expect(results).To(labtest.Hold())
		Expect(results[0].Measured.After.Nodes).To(ConsistOf("control-plane2"))
	})

	It("get a joining control plane as a member of etcd, although the first node's manifest names that node only", func(ctx SpecContext) {
		DeferCleanup(func(ctx SpecContext) {
			Expect(l.Leave(ctx, "control-plane3", func(text string) { GinkgoWriter.Println(text) })).To(Succeed())
			// kubeadm reset leaves the network plugin's links.
			in, err := fault.On(l.Lab, l.Events())
			Expect(err).NotTo(HaveOccurred())
			restart, err := in.Inject(ctx, &fault.Restart{Node: "control-plane3"})
			Expect(err).NotTo(HaveOccurred())
			Expect(restart.Clear(ctx)).To(Succeed())
			Expect(in.Close(ctx)).To(Succeed())
		})
		Expect(l.Join(ctx, "control-plane3", func(text string) { GinkgoWriter.Println(text) })).To(Succeed())
		st, err := l.Status(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(st.Endpoint.Members).To(ConsistOf("control-plane", "control-plane2", "control-plane3"))
		manifest, err := executes(l, "control-plane", "grep -- --initial-cluster= /etc/kubernetes/manifests/etcd.yaml")(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(manifest).To(HaveSuffix("--initial-cluster=" + l.Plan.Cluster.Nodes[0].Name + "=https://" + st.Nodes[0].Addresses["fabric"].String() + ":2380"))
	})
})
