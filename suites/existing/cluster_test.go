package existing_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/plan"
)

// running is a cluster that kind's own CLI has made, of a control plane and two workers.
type running struct {
	name, dir, kind, kubeconfig, skidpad string
	nodes                                []string
	draft                                *plan.Plan
	images                               map[string]image.Resolved
	before                               []string
}

// state prints the objects of the cluster. Leases, events and EndpointSlices come and go by themselves.
const state = `for r in $(kubectl --kubeconfig /etc/kubernetes/admin.conf api-resources --verbs=list -o name | grep -v '^events\|leases\|endpointslices'); do
  kubectl --kubeconfig /etc/kubernetes/admin.conf get $r -A -o name --ignore-not-found 2>/dev/null
done | sort`

// nodeState prints the routes, rules, images, programs, qdiscs and iptables' rules of a node, except those of pods, of
// kube-proxy, and of the engine: these change when a node was killed.
const nodeState = `(ip -4 route show table all; ip -6 route show table all) | grep -v veth | sort; ip rule; crictl images -q | sort; ls /usr/local/bin /etc/systemd/system
tc qdisc show | grep -v veth; iptables-save 2>/dev/null | grep ^-A | grep -v 'KUBE-\|DOCKER_' | sort`

func run(ctx SpecContext, stdin, program string, args ...string) string {
	GinkgoHelper()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), labtest.ReportsEnv+"=", labtest.KeepEnv+"=")
	out, err := cmd.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s %v\n%s", program, args, out)
	return string(out)
}

// tool builds a program of the module with the clients' versions.
func (c *running) tool(ctx SpecContext, name, pkg string) string {
	GinkgoHelper()
	path := filepath.Join(c.dir, name)
	run(ctx, "", "go", "build", "-C", filepath.Join(labtest.Source(), "tools", "bench", "clients"), "-o", path, pkg)
	return path
}

// create makes a cluster with a node image of a scenario, whose addons' images the nodes have.
func create(ctx SpecContext, name, scenario, proxy string) *running {
	GinkgoHelper()
	c := &running{name: name, dir: GinkgoT().TempDir(), skidpad: filepath.Join(labtest.Source(), "bin", "skidpad"), nodes: []string{name + "-control-plane", name + "-worker", name + "-worker2"}}
	c.kubeconfig, c.kind = filepath.Join(c.dir, "kubeconfig"), c.tool(ctx, "kind", "sigs.k8s.io/kind")
	var err error
	c.draft, err = lab.Draft(ctx, lab.Options{Name: "sp", Scenario: labtest.Load(scenario)})
	Expect(err).NotTo(HaveOccurred())
	engine, err := docker.Connect(ctx)
	Expect(err).NotTo(HaveOccurred())
	all := []plan.Image{c.draft.Cluster.Image}
	for _, a := range c.draft.Addons {
		all = append(all, a.Images...)
	}
	c.images, err = image.New(engine, lab.Images()...).Ensure(ctx, all, image.Auto, func(image.Event) {})
	Expect(err).NotTo(HaveOccurred())
	node := c.images[c.draft.Cluster.Image.Key()]
	config, err := os.ReadFile("testdata/kind.yaml")
	Expect(err).NotTo(HaveOccurred())
	text := strings.NewReplacer("PROXY", proxy, "REPOSITORY", node.Labels[build.LabelKubeadmRepository], "ETCD", node.Labels[build.LabelKubeadmEtcdTag], "COREDNS", node.Labels[build.LabelKubeadmCoreDNSTag]).Replace(string(config))
	absent := exec.CommandContext(ctx, "docker", "network", "inspect", "kind").Run() != nil
	DeferCleanup(func(ctx SpecContext) {
		run(ctx, "", c.kind, "delete", "cluster", "--name", name, "--kubeconfig", c.kubeconfig)
		if absent {
			run(ctx, "", "docker", "network", "rm", "kind")
		}
	})
	run(ctx, text, c.kind, "create", "cluster", "--name", name, "--image", node.Ref, "--config", "-", "--kubeconfig", c.kubeconfig)
	return c
}

// module returns the folder of a Go module.
func module(ctx SpecContext, name, version string) string {
	GinkgoHelper()
	return strings.TrimSpace(run(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}", name+"@v"+version))
}

// on runs a command in a node.
func (c *running) on(ctx SpecContext, node, stdin string, args ...string) string {
	GinkgoHelper()
	return run(ctx, stdin, "docker", append([]string{"exec", "-i", node}, args...)...)
}

func (c *running) kubectl(ctx SpecContext, stdin string, args ...string) string {
	GinkgoHelper()
	return c.on(ctx, c.nodes[0], stdin, append([]string{"kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf"}, args...)...)
}

// prefix returns the first two numbers of the addresses of kind's network, with dots.
func (c *running) prefix(ctx SpecContext) string {
	GinkgoHelper()
	subnet := run(ctx, "", "docker", "network", "inspect", "kind", "--format", "{{range .IPAM.Config}}{{.Subnet}} {{end}}")
	for s := range strings.FieldsSeq(subnet) {
		if !strings.Contains(s, ":") {
			return strings.Join(strings.Split(s, ".")[:2], ".") + "."
		}
	}
	Fail("the network kind has no IPv4 prefix: " + subnet)
	return ""
}

func (c *running) look(ctx SpecContext) []string {
	GinkgoHelper()
	all := strings.Split(c.on(ctx, c.nodes[0], "", "sh", "-c", state), "\n")
	for _, n := range c.nodes {
		all = append(all, strings.Split(c.on(ctx, n, "", "sh", "-c", nodeState), "\n")...)
	}
	return append(all, run(ctx, "", "docker", "network", "inspect", "kind", "--format",
		"{{.Id}} {{json .IPAM}} {{json .Options}} {{range .Containers}}{{.Name}} {{.IPv4Address}} {{end}}"))
}

// attach brings a lab up beside the cluster, has a second lab refused, runs the checks, and takes the lab down. The cluster
// must be as it was before.
func (c *running) attach(ctx SpecContext, file, seen string) {
	GinkgoHelper()
	DeferCleanup(func(ctx SpecContext) { run(ctx, "", c.skidpad, "down", "--name", c.name) })
	Expect(run(ctx, "", c.skidpad, "up", file, "--name", c.name)).To(ContainSubstring(seen))
	out, err := exec.CommandContext(ctx, c.skidpad, "up", file, "--name", c.name+"-2").CombinedOutput()
	Expect(err).To(HaveOccurred())
	Expect(string(out)).To(ContainSubstring("seen lab " + c.name + " on it"))
	AddReportEntry("test", run(ctx, "", c.skidpad, "test", file, "--name", c.name, "--reports", GinkgoT().TempDir()))
	run(ctx, "", c.skidpad, "down", "--name", c.name)
	Expect(c.look(ctx)).To(Equal(c.before))
}
