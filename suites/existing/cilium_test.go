package existing_test

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A kind cluster that runs already, with Cilium installed by hand", Label("existing", "slow"), Ordered, Serial, func() {
	var c *running

	BeforeAll(func(ctx SpecContext) {
		c = create(ctx, "sp-existing", "cilium-l2", "none")
		chart := c.draft.Addon("cilium").Chart
		run(ctx, "", c.tool(ctx, "helm", "helm.sh/helm/v3/cmd/helm"), "install", "cilium", filepath.Join(module(ctx, chart.Module, chart.Version), "install", "kubernetes", "cilium"), "-n", "kube-system", "--kubeconfig", c.kubeconfig, "--wait",
			"--set", "image.useDigest=false,image.pullPolicy=IfNotPresent,image.override="+c.images["cilium@"+chart.Version].Ref,
			"--set", "operator.replicas=1,operator.image.pullPolicy=IfNotPresent,operator.image.override="+c.images["cilium-operator@"+chart.Version].Ref,
			"--set", "kubeProxyReplacement=true,k8sServicePort=6443,k8sServiceHost="+c.nodes[0],
			"--set", "routingMode=native,autoDirectNodeRoutes=true,ipv4NativeRoutingCIDR=10.244.0.0/16,ipam.mode=kubernetes",
			"--set", "loadBalancer.mode=dsr,bpf.masquerade=true,bgpControlPlane.enabled=true,envoy.enabled=false,hubble.enabled=false,securityContext.privileged=true")
		objects, err := os.ReadFile("testdata/bgp.yaml")
		Expect(err).NotTo(HaveOccurred())
		c.kubectl(ctx, strings.ReplaceAll(string(objects), "172.18.", c.prefix(ctx)), "apply", "-f", "-")
		c.before = c.look(ctx)
	}, NodeTimeout(8*time.Minute))

	It("gets routers with sessions and routes, a measured failover, and is as it was after down", func(ctx SpecContext) {
		c.attach(ctx, "testdata/cilium.yaml", "cilium 1.19.5")
	}, SpecTimeout(8*time.Minute))
})
