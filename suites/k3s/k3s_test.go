package k3s_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/labtest"
)

// kubectl queries the first server's API inside the server.
func kubectl(ctx SpecContext, l *labtest.Lab, args ...string) []string {
	GinkgoHelper()
	n, err := l.Node("control-plane")
	Expect(err).NotTo(HaveOccurred())
	out, err := n.Exec(ctx, append([]string{"kubectl", "--kubeconfig", "/etc/rancher/k3s/k3s.yaml"}, args...)...)
	Expect(err).NotTo(HaveOccurred())
	return strings.Fields(string(out))
}

var _ = Describe("A cluster of k3s with Cilium", Label("k3s-cilium-l2", "k3s", "cilium", "slow"), func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) { l = labtest.Open(ctx, "k3s-cilium-l2") })

	It("passes all checks of its scenario", func(ctx SpecContext) {
		for _, c := range check.Of(l.Plan.Scenario) {
			Expect(check.Run(ctx, l.Lab, c)).To(labtest.Hold())
		}
	})

	It("stores its state in the external etcd", func(ctx SpecContext) {
		n, err := l.Node("etcd")
		Expect(err).NotTo(HaveOccurred())
		keys, err := n.Exec(ctx, "etcdctl", "get", "--prefix", "--keys-only", "/registry/minions/")
		Expect(err).NotTo(HaveOccurred())
		for _, node := range l.Plan.Cluster.Nodes {
			Expect(string(keys)).To(ContainSubstring("/" + node.Name))
		}
	})

	It("has each pod's address from Cilium's pool, not from Kubernetes' prefix of the node", func(ctx SpecContext) {
		mode := kubectl(ctx, l, "-n", "kube-system", "get", "configmap", "cilium-config", "-o", "jsonpath={.data.ipam}")
		Expect(mode).To(Equal([]string{"cluster-pool"}))
		pools := kubectl(ctx, l, "get", "ciliumnodes", "-o", "jsonpath={.items[*].spec.ipam.podCIDRs[0]}")
		Expect(pools).To(HaveLen(len(l.Plan.Cluster.Nodes)))
		Expect(pools).To(HaveEach(HavePrefix("10.0.")))
	})

	It("announces the LoadBalancer address from a control-plane node, by a Lease", func(ctx SpecContext) {
		var holder string
		Eventually(ctx, func() (err error) {
			holder, err = l.LeaseHolder(ctx, "echo")
			return err
		}).WithTimeout(labtest.Patience(30 * time.Second)).Should(Succeed())
		Expect(holder).To(HavePrefix("control-plane"))
	})

	It("asks the mirror for images, on every node", func(ctx SpecContext) {
		for _, node := range l.Plan.Cluster.Nodes {
			n, err := l.Node(node.Short)
			Expect(err).NotTo(HaveOccurred())
			hosts, err := n.Exec(ctx, "cat", "/var/lib/rancher/k3s/agent/etc/containerd/certs.d/_default/hosts.toml")
			Expect(err).NotTo(HaveOccurred())
			Expect(string(hosts)).To(ContainSubstring("http://203.0.113.10:5000"), node.Short)
		}
	})
})
