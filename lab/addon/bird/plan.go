package bird

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/addon/object"
	"skidpad.dev/skidpad/lab/plan"
)

// name is the name of BIRD's container and DaemonSet.
const name = "bird"

// start writes BIRD's configuration, lets BIRD check the configuration, and starts BIRD again after each end, like systemd
// for a service of the node. The kubelet would wait longer each time.
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

// PlanAddon plans BIRD's DaemonSet on the nodes' own network. All nodes have the same configuration. The configuration is
// part of the pod's template: a change replaces all pods at once.
func (o *Addon) PlanAddon(b *plan.Builder) plan.Addon {
	image := plan.Image{Name: "bird"}
	argument := ""
	if o.GracefulRestart {
		argument = "-R" // BIRD restarts, and announces no route before BIRD has the peers' routes (RFC 4724, 4.1)
	}
	pod := map[string]any{
		"hostNetwork": true, "priorityClassName": "system-node-critical", "tolerations": object.Everywhere(),
		"automountServiceAccountToken": false, "terminationGracePeriodSeconds": 2,
		"containers": []any{map[string]any{
			"name": name, "image": image.Ref(), "imagePullPolicy": "IfNotPresent",
			"command": []any{"/bin/bash", "-c", start, argument},
			"env":     []any{map[string]any{"name": "BIRD_CONF", "value": o.conf(b)}},
			"readinessProbe": map[string]any{ // BIRD answers after reading the configuration
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

// conf returns bird.conf: the announced static route, and a session with each router. BIRD imports nothing from the sessions,
// and does not touch the kernel's routes. The route's device is Cilium's. A node without Cilium therefore announces nothing.
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

// recovery is the longest wait of a restarted BIRD for the routers' routes before BIRD announces BIRD's own routes.
const recovery = 5 * time.Second
