package bird

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/addon/object"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
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

// PlanAddon plans BIRD's DaemonSets on the nodes' own network, one for each group of nodes with the same configuration. The
// configuration is part of the pod's template: a change replaces all pods at once.
func (o *Addon) PlanAddon(b *plan.Builder) plan.Addon {
	image := plan.Image{Name: "bird"}
	argument := ""
	restarts := func(p scenario.NodePeer) bool { return p.GracefulRestart != nil && p.GracefulRestart.Enabled }
	if o.GracefulRestart || slices.ContainsFunc(o.NodeSpeaker().AllPeers(), restarts) {
		argument = "-R" // BIRD restarts, and announces no route before BIRD has the peers' routes (RFC 4724, 4.1)
	}
	a := plan.Addon{Images: []plan.Image{image}, Secrets: secrets(b, o.NodeSpeaker())}
	for i, s := range b.Speakers(o.NodeSpeaker()) {
		set := name
		if i > 0 {
			set = fmt.Sprintf("%s-%d", name, i+1)
		}
		pod := o.pod(b, a, argument, s)
		a.Manifests = append(a.Manifests, object.DaemonsAtOnce(metav1.NamespaceSystem, set, pod))
		a.Ready = append(a.Ready, plan.Ready{Kind: "DaemonSet", Namespace: metav1.NamespaceSystem, Name: set, SomeNodes: s.Nodes != nil})
	}
	return a
}

// pod returns the pod of a group of nodes.
func (o *Addon) pod(b *plan.Builder, a plan.Addon, argument string, s plan.Speakers) map[string]any {
	pod := map[string]any{
		"hostNetwork": true, "priorityClassName": "system-node-critical", "tolerations": object.Everywhere(),
		"automountServiceAccountToken": false, "terminationGracePeriodSeconds": 2,
		"containers": []any{map[string]any{
			"name": name, "image": a.Images[0].Ref(), "imagePullPolicy": "IfNotPresent",
			"command": []any{"/bin/bash", "-c", start, argument},
			"env":     []any{map[string]any{"name": "BIRD_CONF", "value": o.conf(b, s)}},
			"readinessProbe": map[string]any{ // BIRD answers after reading the configuration
				"exec": map[string]any{"command": []any{"birdc", "-r", "show", "status"}}, "periodSeconds": 2,
			},
			"securityContext": map[string]any{"capabilities": map[string]any{"add": []any{"NET_ADMIN", "NET_RAW"}}},
		}},
	}
	if len(a.Secrets) > 0 {
		pod["volumes"] = []any{map[string]any{"name": "passwords", "secret": map[string]any{"secretName": name}}}
		for _, c := range pod["containers"].([]any) { //nolint:forcetypeassert // from above
			c.(map[string]any)["volumeMounts"] = []any{object.Mount("passwords", passwords)} //nolint:forcetypeassert // from above
		}
	}
	if s.Nodes != nil {
		var hosts []any
		for _, short := range s.Nodes {
			hosts = append(hosts, b.Name(short))
		}
		host := map[string]any{"key": corev1.LabelHostname, "operator": "In", "values": hosts}
		pod["affinity"] = map[string]any{"nodeAffinity": map[string]any{"requiredDuringSchedulingIgnoredDuringExecution": map[string]any{
			"nodeSelectorTerms": []any{map[string]any{"matchExpressions": []any{host}}}}}}
	}
	return pod
}

// conf returns bird.conf: the announced static routes, and a session with each router and family. BIRD imports nothing from the
// sessions, and does not touch the kernel's routes. The route's device is Cilium's. A node without Cilium therefore announces
// nothing.
func (o *Addon) conf(b *plan.Builder, s plan.Speakers) string {
	var t strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&t, format+"\n", args...) }
	on := map[bool]string{true: "on", false: "off"}
	in := s.Instances[0] // validation permits one for a node
	line("log stderr all;")
	line("router id from %s;", b.NodesOn())
	line("graceful restart wait %d;", int(recovery/time.Second))
	line("protocol device {\n}")
	if o.BFD != nil || slices.ContainsFunc(in.Peers, func(p plan.Peer) bool { return p.BFD != nil }) {
		line("protocol bfd {\n}")
	}
	for _, f := range families(b.Spec()) {
		line("protocol static pods%s {\n\t%s;\n\troute %s via \"cilium_host\";\n}", f.suffix, f.name, f.pods)
	}
	if l := o.Local; l != nil {
		line("protocol bgp services {\n\tlocal 127.0.0.1 port %d as %d;\n\tneighbor 127.0.0.1 as %d;\n\tmultihop;\n\tpassive;", l.Port, in.ASN, l.ASN)
		line("\tipv4 {\n\t\timport all;\n\t\texport none;\n\t};\n}")
	}
	for _, f := range families(b.Spec()) {
		line("template bgp speaker%s {\n\tlocal as %d;\n\tdirect;", f.suffix, in.ASN)
		line("\thold time %d;\n\tkeepalive time %d;", int(o.HoldTime.Std()/time.Second), max(1, int(o.HoldTime.Std()/(3*time.Second))))
		line("\tconnect delay time 1;\n\tconnect retry time 1;\n\terror wait time 1, 2;\n\terror forget time 1;")
		line("\tgraceful restart %s;\n\tlong lived graceful restart off;", on[o.GracefulRestart])
		if f := o.BFD; f != nil {
			line("%s", bfd(f))
		}
		more := ""
		if o.Local != nil && f.suffix == "" {
			more = " || proto = \"services\";\n\t\tnext hop self"
		}
		line("\t%s {\n\t\timport none;\n\t\texport where proto = \"pods%s\"%s;\n\t};\n}", f.name, f.suffix, more)
		for _, p := range in.Peers {
			if a := f.of(p); a.IsValid() {
				line("protocol bgp 'to-%s%s' from speaker%s {\n\tneighbor %s as %d;\n%s}", p.Name, f.suffix, f.suffix, a, p.ASN, settings(p))
			}
		}
	}
	return t.String()
}

// family is an IP family of the cluster. Sessions over the family carry the family's routes alone.
type family struct {
	name, suffix string // of the names in the configuration
	pods         netip.Prefix
	of           func(plan.Peer) netip.Addr
}

func families(s *scenario.Spec) (all []family) {
	if s.IPv4() {
		all = append(all, family{"ipv4", "", s.Cluster.PodCIDR, func(p plan.Peer) netip.Addr { return p.Address }})
	}
	if s.IPv6() {
		all = append(all, family{"ipv6", "6", s.Cluster.PodCIDR6, func(p plan.Peer) netip.Addr { return p.Address6 }})
	}
	return all
}

// passwords is the folder with a file for each session with a password. The file has BIRD's statement, so no manifest has a
// password.
const passwords = "/etc/bird-passwords"

func passwordKey(p plan.Peer) string {
	return p.Name + "-" + strings.TrimPrefix(p.Password.String(), "secret-")
}

// secrets returns the Secret with the passwords of all sessions, if there is one.
func secrets(b *plan.Builder, n *scenario.NodeSpeaker) []plan.SecretObject {
	values := map[string]scenario.Secret{}
	for _, s := range b.Speakers(n) {
		for _, in := range s.Instances {
			for _, p := range in.Peers {
				if p.Password == "" {
					continue
				}
				values[passwordKey(p)] = p.Password
				if text, ok := p.Password.Reveal(); ok {
					values[passwordKey(p)] = scenario.Secret(fmt.Sprintf("password %q;\n", text))
				}
			}
		}
	}
	if len(values) == 0 {
		return nil
	}
	return []plan.SecretObject{{Namespace: metav1.NamespaceSystem, Name: name, Values: values}}
}

func bfd(f *scenario.BFD) string {
	return fmt.Sprintf("\tbfd {\n\t\tmin rx interval %[1]d ms;\n\t\tmin tx interval %[1]d ms;\n\t\tmultiplier %[2]d;\n\t};", f.Interval.Std().Milliseconds(), f.Multiplier)
}

// settings returns the settings of a single session.
func settings(p plan.Peer) string {
	var t strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&t, "\t"+format+";\n", args...) }
	seconds := func(d scenario.Duration) int { return int(d.Std() / time.Second) }
	switch {
	case p.Multihop != 0:
		line("multihop %d", p.Multihop)
	case p.Loopback:
		line("multihop")
	}
	if p.Port != 0 {
		line("neighbor port %d", p.Port)
	}
	if a := p.SourceAddress; a != nil {
		line("source address %s", a)
	}
	if p.Password != "" {
		line("include \"%s/%s\"", passwords, passwordKey(p))
	}
	if x := p.Timers; x != nil {
		if x.HoldTime != 0 {
			line("hold time %d", seconds(x.HoldTime))
		}
		if keepalive := cmp.Or(seconds(x.Keepalive), seconds(x.HoldTime)/3); keepalive != 0 {
			line("keepalive time %d", keepalive)
		}
		if x.ConnectRetry != 0 {
			line("connect retry time %d", seconds(x.ConnectRetry))
		}
	}
	if g := p.GracefulRestart; g != nil {
		line("graceful restart %s", map[bool]string{true: "on", false: "off"}[g.Enabled])
		if g.RestartTime != 0 {
			line("graceful restart time %d", seconds(g.RestartTime))
		}
	}
	if p.BFD != nil {
		t.WriteString(bfd(p.BFD) + "\n")
	}
	return t.String()
}

// recovery is the longest wait of a restarted BIRD for the routers' routes before BIRD announces BIRD's own routes.
const recovery = 5 * time.Second
