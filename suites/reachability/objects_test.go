package reachability_test

import (
	"context"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/node"
)

// recompile compiles the agent's programs for the header on standard input, from samples only and by the compiler, and
// prints both hashes of each program. The flags are those of Cilium's pkg/datapath/loader/compile.go. The agent's state is
// covered by a copy, for this script only.
const recompile = `set -eo pipefail
state=/var/run/cilium/state lib=/var/lib/cilium/bpf
rm -rf /tmp/state; cp -r $state /tmp/state; cat > /tmp/state/globals/node_config.h
mount --bind /tmp/state $state
cd /run/cilium/state # as the agent, and without the link /var/run
compile() {
  sums=
  for clang in "env SKIDPAD_SAMPLES_ONLY=1 /usr/local/bin/clang" /usr/bin/clang; do
    sums="$sums $($clang -I$state/globals -I$2 -I$lib -I$lib/include -g -O2 --target=bpf -std=gnu99 -nostdinc \
      -ftrap-function=__undefined_trap -Wall -Wextra -Werror -Wshadow -Wno-address-of-packed-member -Wno-unknown-warning-option \
      -Wno-gnu-variable-sized-type-not-at-end -Wimplicit-int-conversion -Wenum-conversion -Wimplicit-fallthrough -mcpu=v3 \
      -c $lib/$1.c -o - | sha256sum | cut -d" " -f1)"
  done
  echo $1$sums
}
compile bpf_sock $state
compile bpf_alignchecker $state
for ep in $state/templates/*; do
  if grep -q HOST_ENDPOINT $ep/ep_config.h; then compile bpf_host $ep; else compile bpf_lxc $ep; fi
done
`

// inAgent runs a command of a shell in a node's agent.
func inAgent(ctx context.Context, n node.Node, input, command string) string {
	GinkgoHelper()
	out, err := n.ExecInput(ctx, []byte(input), "sh", "-c", "exec crictl exec -i $(crictl ps -q --name '^cilium-agent$') "+command)
	Expect(err).NotTo(HaveOccurred())
	return string(out)
}

// mixed is the header of the first node with values of the other nodes: a node that no agent has compiled for.
func mixed(headers []string) string {
	header := headers[0]
	for macro, from := range map[string]int{"IPV4_DIRECT_ROUTING": 1, "HOST_NETNS_COOKIE": 1, "CILIUM_HOST_MAC": 2, "CILIUM_NET_MAC": 1, "IPV4_GATEWAY": 2} {
		line := regexp.MustCompile("(?m)^#define " + macro + " .*$")
		value := line.FindString(headers[from])
		if strings.HasSuffix(value, ",0x0}}") { // a MAC for which the compiler has to run
			value = line.FindString(headers[3-from])
		}
		header = line.ReplaceAllLiteralString(header, value)
	}
	return header
}

var _ = Describe("The samples of compiled objects", Label("cilium", "levers"), func() {
	It("give a node the objects that the compiler gives, byte for byte", func(ctx SpecContext) {
		l := labtest.Open(ctx, "cilium-bgp-vrrp")
		if image := l.Images()["cilium@"+l.Plan.Addon("cilium").Version]; image.Source != "built" {
			Skip("the image " + image.Ref + " has no samples")
		}
		var nodes []node.Node
		var headers []string
		for _, n := range l.Plan.Cluster.Nodes {
			handle, err := l.Node(n.Short)
			Expect(err).NotTo(HaveOccurred())
			nodes, headers = append(nodes, handle), append(headers, inAgent(ctx, handle, "", "cat /var/run/cilium/state/globals/node_config.h"))
		}
		sums := strings.Split(strings.TrimSpace(inAgent(ctx, nodes[0], mixed(headers), "unshare -m bash -c '"+recompile+"'")), "\n")
		Expect(sums).To(HaveLen(4))
		for _, line := range sums {
			fields := strings.Fields(line)
			Expect(fields).To(HaveLen(3))
			Expect(fields[1]).To(Equal(fields[2]), "%s: from samples, and from the compiler", fields[0])
		}
	})
})
