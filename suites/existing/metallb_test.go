package existing_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// cni is the configuration that kindnet writes on a node. The spec writes the file itself, because kindnet's image is in no
// Go module.
const cni = `{"cniVersion": "0.3.1", "name": "kindnet", "plugins": [
  {"type": "ptp", "ipMasq": false, "mtu": 1500, "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam-state", "routes": [{"dst": "0.0.0.0/0"}], "ranges": [[{"subnet": "CIDR"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}`

// routes is a unit with the node's routes to the pods of the other nodes.
const routes = `[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -ec "%s"
[Install]
WantedBy=multi-user.target
`

var _ = Describe("A kind cluster that runs already, with a plain CNI, kube-proxy and MetalLB", Label("existing", "slow"), Ordered, Serial, func() {
	var c *running
	var file string

	BeforeAll(func(ctx SpecContext) {
		c = create(ctx, "sp-metallb", "metallb-l2", "iptables")
		var via []string
		cidr := map[string]string{}
		for _, n := range c.nodes {
			f := strings.Fields(c.kubectl(ctx, "", "get", "node", n, "-o", `jsonpath={.spec.podCIDR} {.status.addresses[?(@.type=="InternalIP")].address}`))
			cidr[n] = f[0]
			via = append(via, fmt.Sprintf("{to: %s, via: %s}", f[0], f[1]))
		}
		for i, n := range c.nodes {
			var commands []string
			for j, r := range via {
				if j != i {
					commands = append(commands, "ip route replace "+strings.NewReplacer("{to: ", "", ", via:", " via", "}", "").Replace(r))
				}
			}
			c.on(ctx, n, strings.ReplaceAll(cni, "CIDR", cidr[n]), "sh", "-c", "mkdir -p /etc/cni/net.d && cat > /etc/cni/net.d/10-kindnet.conflist")
			c.on(ctx, n, fmt.Sprintf(routes, strings.Join(commands, "; ")), "sh", "-ec", "cat > /etc/systemd/system/pod-routes.service; systemctl enable --now pod-routes")
		}
		version := c.draft.Addon("metallb").Version
		objects, err := os.ReadFile(filepath.Join(module(ctx, "go.universe.tf/metallb", version), "config", "manifests", "metallb-native.yaml"))
		Expect(err).NotTo(HaveOccurred())
		text := strings.NewReplacer("quay.io/metallb/controller:v"+version, c.images["metallb-controller@"+version].Ref, "quay.io/metallb/speaker:v"+version, c.images["metallb-speaker@"+version].Ref).Replace(string(objects))
		c.kubectl(ctx, text, "apply", "-f", "-")
		for _, set := range []string{"deployment/controller", "daemonset/speaker"} {
			c.kubectl(ctx, "", "-n", "metallb-system", "rollout", "status", set, "--timeout=3m")
		}
		pool, err := os.ReadFile("testdata/l2.yaml")
		Expect(err).NotTo(HaveOccurred())
		c.kubectl(ctx, strings.ReplaceAll(string(pool), "172.18.", c.prefix(ctx)), "apply", "-f", "-")
		lab, err := os.ReadFile("testdata/metallb.yaml")
		Expect(err).NotTo(HaveOccurred())
		file = filepath.Join(c.dir, "metallb.yaml")
		Expect(os.WriteFile(file, []byte(strings.ReplaceAll(string(lab), "[ROUTES]", "["+strings.Join(via, ", ")+"]")), 0o600)).To(Succeed())
		c.before = c.look(ctx)
	}, NodeTimeout(8*time.Minute))

	It("gets a router with routes, an announcing node's failover is measured, and is as it was after down", func(ctx SpecContext) {
		c.attach(ctx, file, "metallb 0.15.2")
	}, SpecTimeout(8*time.Minute))
})
