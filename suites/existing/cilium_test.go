package existing_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/plan"
)

const cluster = "sp-existing"

// state prints the objects of the cluster and, of each node, the routes, rules, images, programs and qdiscs. Leases, events
// and EndpointSlices come and go by themselves.
const state = `for r in $(kubectl --kubeconfig /etc/kubernetes/admin.conf api-resources --verbs=list -o name | grep -v '^events\|leases\|endpointslices'); do
  kubectl --kubeconfig /etc/kubernetes/admin.conf get $r -A -o name --ignore-not-found 2>/dev/null
done | sort`

const nodeState = `ip -4 route show table all; ip -6 route show table all; ip rule; crictl images -q | sort; ls /usr/local/bin /etc/systemd/system; tc qdisc show`

func run(ctx SpecContext, stdin, program string, args ...string) string {
	GinkgoHelper()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), labtest.ReportsEnv+"=", labtest.KeepEnv+"=")
	out, err := cmd.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s %v\n%s", program, args, out)
	return string(out)
}

var _ = Describe("A kind cluster that runs already, with Cilium installed by hand", Label("existing", "slow"), Ordered, Serial, func() {
	var skidpad, kind string
	var before []string
	nodes := []string{cluster + "-control-plane", cluster + "-worker", cluster + "-worker2"}
	look := func(ctx SpecContext) []string {
		all := strings.Split(run(ctx, "", "docker", "exec", nodes[0], "sh", "-c", state), "\n")
		for _, n := range nodes {
			all = append(all, n+": "+run(ctx, "", "docker", "exec", n, "sh", "-c", nodeState))
		}
		return append(all, run(ctx, "", "docker", "network", "inspect", "kind"))
	}

	BeforeAll(func(ctx SpecContext) {
		dir := GinkgoT().TempDir()
		skidpad, kind = filepath.Join(labtest.Source(), "bin", "skidpad"), filepath.Join(dir, "kind")
		helm := filepath.Join(dir, "helm")
		for program, pkg := range map[string]string{kind: "sigs.k8s.io/kind", helm: "helm.sh/helm/v3/cmd/helm"} {
			run(ctx, "", "go", "build", "-C", filepath.Join(labtest.Source(), "tools", "bench", "clients"), "-o", program, pkg)
		}
		p, err := lab.Draft(ctx, lab.Options{Name: "sp", Scenario: labtest.Load("cilium-l2")})
		Expect(err).NotTo(HaveOccurred())
		engine, err := docker.Connect(ctx)
		Expect(err).NotTo(HaveOccurred())
		chart, node := p.Addon("cilium").Chart, p.Cluster.Image
		images, err := image.New(engine, lab.Images()...).Ensure(ctx, append([]plan.Image{node}, p.Addon("cilium").Images...), image.Auto, func(image.Event) {})
		Expect(err).NotTo(HaveOccurred())
		labels := images[node.Key()].Labels
		config, err := os.ReadFile("testdata/kind.yaml")
		Expect(err).NotTo(HaveOccurred())
		text := strings.NewReplacer("REPOSITORY", labels[build.LabelKubeadmRepository], "ETCD", labels[build.LabelKubeadmEtcdTag], "COREDNS", labels[build.LabelKubeadmCoreDNSTag]).Replace(string(config))
		kubeconfig := filepath.Join(dir, "kubeconfig")
		absent := exec.CommandContext(ctx, "docker", "network", "inspect", "kind").Run() != nil
		DeferCleanup(func(ctx SpecContext) {
			run(ctx, "", kind, "delete", "cluster", "--name", cluster, "--kubeconfig", kubeconfig)
			if absent {
				run(ctx, "", "docker", "network", "rm", "kind")
			}
		})
		run(ctx, text, kind, "create", "cluster", "--name", cluster, "--image", images[node.Key()].Ref, "--config", "-", "--kubeconfig", kubeconfig)
		module := strings.TrimSpace(run(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}", chart.Module+"@v"+chart.Version))
		run(ctx, "", helm, "install", "cilium", filepath.Join(module, "install", "kubernetes", "cilium"), "-n", "kube-system", "--kubeconfig", kubeconfig, "--wait",
			"--set", "image.useDigest=false,image.pullPolicy=IfNotPresent,image.override="+images["cilium@"+chart.Version].Ref,
			"--set", "operator.replicas=1,operator.image.pullPolicy=IfNotPresent,operator.image.override="+images["cilium-operator@"+chart.Version].Ref,
			"--set", "kubeProxyReplacement=true,k8sServicePort=6443,k8sServiceHost="+nodes[0],
			"--set", "routingMode=native,autoDirectNodeRoutes=true,ipv4NativeRoutingCIDR=10.244.0.0/16,ipam.mode=kubernetes",
			"--set", "loadBalancer.mode=dsr,bpf.masquerade=true,bgpControlPlane.enabled=true,envoy.enabled=false,hubble.enabled=false,securityContext.privileged=true")
		subnet := run(ctx, "", "docker", "network", "inspect", "kind", "--format", "{{(index .IPAM.Config 0).Subnet}}")
		objects, err := os.ReadFile("testdata/bgp.yaml")
		Expect(err).NotTo(HaveOccurred())
		dial := strings.ReplaceAll(string(objects), "172.18.", strings.Join(strings.Split(subnet, ".")[:2], ".")+".")
		run(ctx, dial, "docker", "exec", "-i", nodes[0], "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "apply", "-f", "-")
		before = look(ctx)
	}, NodeTimeout(8*time.Minute))

	It("gets routers with sessions and routes, a measured failover, and is as it was after down", func(ctx SpecContext) {
		DeferCleanup(func(ctx SpecContext) { run(ctx, "", skidpad, "down", "--name", "sp-existing") })
		Expect(run(ctx, "", skidpad, "up", "testdata/cilium.yaml", "--name", "sp-existing")).To(ContainSubstring("cilium 1.19.5"))
		second := exec.CommandContext(ctx, skidpad, "up", "testdata/cilium.yaml", "--name", "sp-existing-2")
		out, err := second.CombinedOutput()
		Expect(err).To(HaveOccurred())
		Expect(string(out)).To(ContainSubstring("seen lab sp-existing on it"))
		AddReportEntry("test", run(ctx, "", skidpad, "test", "testdata/cilium.yaml", "--name", "sp-existing", "--reports", GinkgoT().TempDir()))
		run(ctx, "", skidpad, "down", "--name", "sp-existing")
		Expect(look(ctx)).To(Equal(before))
	}, SpecTimeout(8*time.Minute))
})
