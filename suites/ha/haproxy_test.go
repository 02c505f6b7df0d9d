package ha_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// holderKilled kills the holder of the API's address.
func holderKilled() check.Check {
	return &check.API{
		Fault: scenario.FaultOf(&fault.Kill{Node: "control-plane"}), Every: check.DefaultWriteEvery, Tolerance: scenario.Duration(time.Second),
	}
}

// executes returns a function that runs a script in a node.
func executes(l *labtest.Lab, node, script string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		n, err := l.Node(node)
		if err != nil {
			return "", err
		}
		out, err := n.Exec(ctx, "sh", "-c", script)
		return strings.TrimSpace(string(out)), err
	}
}

var _ = Describe("Three API servers behind keepalived and haproxy", Label("ha", "ha-keepalived-haproxy", "slow"), Serial, func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) {
		l = labtest.Open(ctx, "ha-keepalived-haproxy")
		Eventually(ctx, l.APIHolder).Within(labtest.Patience(30 * time.Second)).ProbeEvery(200 * time.Millisecond).Should(Equal("control-plane"))
	})

	It("have three members of etcd, and the host's kubeconfig names their shared address", func(ctx SpecContext) {
		st, err := l.Status(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(st.Endpoint.Members).To(ConsistOf("control-plane", "control-plane2", "control-plane3"))
		Expect(st.Endpoint.Server).To(Equal(l.Plan.Cluster.APIEndpoint.Server()))
	})

	It("accept writes again within the bound after the holder of the address is killed, and lose no write", func(ctx SpecContext) {
		Expect(l.Judge(ctx, holderKilled())).To(labtest.Hold())
	})

	It("accept no write after the kill if only the holder runs keepalived (negative control)", Label("negative-control"), func(ctx SpecContext) {
		for _, node := range []string{"control-plane2", "control-plane3"} {
			DeferCleanup(func(ctx SpecContext) {
				_, err := executes(l, node, "mv /kind/keepalived.yaml /etc/kubernetes/manifests/")(ctx)
				Expect(err).NotTo(HaveOccurred())
			})
			_, err := executes(l, node, "mv /etc/kubernetes/manifests/keepalived.yaml /kind/")(ctx)
			Expect(err).NotTo(HaveOccurred())
			Eventually(ctx, executes(l, node, "pgrep -c keepalived || true")).Within(labtest.Patience(90*time.Second)).ProbeEvery(500*time.Millisecond).Should(Equal("0"), "keepalived on %s is to end", node)
		}
		Expect(l.Judge(ctx, holderKilled())).To(ConsistOf(HaveField("Verdict", check.Failed)))
	})
})
