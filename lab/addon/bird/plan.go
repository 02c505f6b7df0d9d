package bird

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/addon/object"
	"skidpad.dev/skidpad/lab/plan"
)

// name is what BIRD is called among the addons, and its DaemonSet.
const name = "bird"

// start writes BIRD's configuration, has BIRD check it, and runs BIRD anew whenever it ends, as systemd does where
// BIRD is a node's own service; the kubelet would wait longer each time.
//
//	$0 an argument for BIRD, or nothing
const start = `set -eu
config=/etc/bird/bird.conf
bird=
mkdir -p /etc/bird /run/bird
printf %s "$BIRD_CONF" > "$config"
bird -p -c "$config"
trap '[ -z "$bird" ] || kill "$bird" 2>/dev/null; wait; exit 0' TERM INT
while :; do
	bird -f ${0:+"$0"} -c "$config" &
	bird=$!
	wait "$bird" || echo "it ended with code $?; it is started again" >&2
	sleep 1
done
`

// PlanAddon plans BIRD's DaemonSet on the nodes' own network. All nodes have the same configuration. It is in the pod's
// template, so that pods follow when it changes, all at once.
func (o *Addon) PlanAddon(b *plan.Builder) plan.Addon {
	image := plan.Image{Name: "bird"}
	argument := ""
	if o.GracefulRestart {
		argument = "-R" // it comes back as one that restarted, and tells nothing before it knows all (RFC 4724, 4.1)
	}
	pod := map[string]any{
		"hostNetwork": true, "priorityClassName": "system-node-critical", "tolerations": object.Everywhere(),
		"automountServiceAccountToken": false, "terminationGracePeriodSeconds": 2,
		"containers": []any{map[string]any{
			"name": name, "image": image.Ref(), "imagePullPolicy": "IfNotPresent",
			"command": []any{"/bin/bash", "-c", start, argument},
			"env":     []any{map[string]any{"name": "BIRD_CONF", "value": o.conf(b)}},
			"readinessProbe": map[string]any{ // it answers when it has taken its configuration
				"exec": map[string]any{"command": []any{"birdc", "-r", "show", "status"}}, "periodSeconds": 2,
			},
			"securityContext": map[string]any{"capabilities": map[string]any{"add": []any{"NET_ADMIN", "NET_RAW"}}},
		}},
	}
	return plan.Addon{
		Images:    []plan.Image{image},
		Manifests: []string{object.DaemonsAtOnce(metav1.NamespaceSystem, name, pod)},
		Ready:     []plan.Ready{{Kind: "DaemonSet", Namespace: metav1.NamespaceSystem, Name: name}},
	}
}

// conf is bird.conf: the static route that is announced, and a session with each router, from which nothing is
// taken. BIRD touches no route of the kernel's. The route's device is Cilium's, so a node without Cilium announces
// nothing.
func (o *Addon) conf(b *plan.Builder) string {
	var t strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&t, format+"\n", args...) }
	on := map[bool]string{true: "on", false: "off"}
	line("log stderr all;")
	line("router id from %s;", b.NodesOn())
	line("graceful restart wait %d;", int(recovery/time.Second))
	line("protocol device {\n}")
	if o.BFD != nil {
		line("protocol bfd {\n}")
	}
	line("protocol static pods {\n\tipv4;\n\troute %s via \"cilium_host\";\n}", b.Spec().Cluster.PodCIDR)
	line("template bgp speaker {\n\tlocal as %d;\n\tdirect;", o.ASN)
	line("\thold time %d;\n\tkeepalive time %d;", int(o.HoldTime.Std()/time.Second), max(1, int(o.HoldTime.Std()/(3*time.Second))))
	line("\tconnect delay time 1;\n\tconnect retry time 1;\n\terror wait time 1, 2;\n\terror forget time 1;")
	line("\tgraceful restart %s;\n\tlong lived graceful restart off;", on[o.GracefulRestart])
	if f := o.BFD; f != nil {
		line("\tbfd {\n\t\tmin rx interval %[1]d ms;\n\t\tmin tx interval %[1]d ms;\n\t\tmultiplier %[2]d;\n\t};",
			f.Interval.Std().Milliseconds(), f.Multiplier)
	}
	line("\tipv4 {\n\t\timport none;\n\t\texport where proto = \"pods\";\n\t};\n}")
	for _, r := range b.Peers(o.Peers, "") {
		line("protocol bgp 'to-%s' from speaker {\n\tneighbor %s as %d;\n}", r.Name, r.Address, r.ASN)
	}
	return t.String()
}

// recovery is how long a BIRD that restarted waits at the most for routers to tell theirs before it tells its own.
const recovery = 5 * time.Second
