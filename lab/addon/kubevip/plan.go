package kubevip

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/addon/object"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

const (
	name = "kube-vip"
	// control is the DaemonSet of the control plane's address.
	control = name + "-control-plane"
	// The ports of the health checks on the nodes.
	healthPort, controlHealthPort = 2114, 2115
)

// PlanAddon plans kube-vip's DaemonSet on every node, and the DaemonSet of the control-plane nodes if the control plane has an
// address. The nodes' pods have different environments, so the pods are no single DaemonSet.
func (k *Addon) PlanAddon(b *plan.Builder) plan.Addon {
	img := plan.Image{Name: name, Version: k.Version}
	a := plan.Addon{Version: k.Version, Images: []plan.Image{img}}
	const read = "list get watch"
	a.Manifests = object.Account(metav1.NamespaceSystem, name, []any{
		object.Rule("", "services/status", "update"),
		object.Rule("", "services endpoints", read+" update"),
		object.Rule("", "nodes", read+" update patch"),
		object.Rule("coordination.k8s.io", "leases", read+" update create"),
		object.Rule("discovery.k8s.io", "endpointslices", read+" update"),
		object.Rule("", "pods", "list"),
	}, nil)
	add := func(set string, pod map[string]any, some bool) {
		a.Manifests = append(a.Manifests, object.PodsOf("DaemonSet", metav1.NamespaceSystem, set, pod))
		a.Ready = append(a.Ready, plan.Ready{Kind: "DaemonSet", Namespace: metav1.NamespaceSystem, Name: set, SomeNodes: some})
	}
	env := k.leases("svc_enable", "true", "svc_election", strconv.FormatBool(k.BGP == nil), "vip_arp", strconv.FormatBool(k.BGP == nil), "vip_interface", k.Interface)
	if k.BGP != nil {
		// Every node has the addresses, on lo: no neighbour may ask by ARP. An election would leave one node.
		env = k.bgp(b, &a)
	}
	add(name, pod(b, img, env, healthPort), false)
	if c := k.ControlPlane; c != nil {
		env := k.leases("cp_enable", "true", "cp_namespace", metav1.NamespaceSystem, "address", c.String(), "port", "6443",
			"vip_arp", "true", "vip_interface", k.Interface, "vip_leaderelection", "true", "vip_leasename", "plndr-cp-lock")
		pod := pod(b, img, env, controlHealthPort)
		pod["nodeSelector"] = map[string]any{"node-role.kubernetes.io/control-plane": ""}
		add(control, pod, true)
	}
	return a
}

// leases returns environment variables, and the variables of the leases.
func (k *Addon) leases(pairs ...string) []any {
	seconds := func(d scenario.Duration) string { return strconv.Itoa(int(d.Std() / time.Second)) }
	return variables(append(pairs, "vip_leaseduration", seconds(k.LeaseDuration), "vip_renewdeadline", seconds(k.LeaseRenewDeadline), "vip_retryperiod", seconds(k.LeaseRetryPeriod))...)
}

// bgp returns the environment variables of the speaker. The list of peers is in a Secret, because the list has the passwords.
func (k *Addon) bgp(b *plan.Builder, a *plan.Addon) []any {
	seconds := int(k.BGP.HoldTime.Std() / time.Second)
	var peers []string
	var hidden scenario.Secret // of a plan from a lab's record
	for _, p := range b.Peers(k.BGP.Peers, "") {
		password, ok := p.Password.Reveal()
		if !ok {
			hidden = p.Password
		}
		peers = append(peers, fmt.Sprintf("%s:%d:%s:%t", p.Address, p.ASN, password, p.Multihop != 0))
	}
	list := cmp.Or(hidden, scenario.Secret(strings.Join(peers, ",")))
	a.Secrets = []plan.SecretObject{{Namespace: metav1.NamespaceSystem, Name: name, Values: map[string]scenario.Secret{"peers": list}}}
	env := variables("svc_enable", "true", "vip_arp", "false", "vip_interface", "lo", "bgp_enable", "true", "bgp_as", fmt.Sprint(k.BGP.ASN),
		"bgp_hold_time", strconv.Itoa(seconds), "bgp_keepalive_interval", strconv.Itoa(max(1, seconds/3)))
	return append(env, object.FromField("bgp_routerid", "status.hostIP"), map[string]any{"name": "bgp_peers", "valueFrom": map[string]any{
		"secretKeyRef": map[string]any{"name": name, "key": "peers"}}})
}

func variables(pairs ...string) []any {
	var all []any
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, object.Env(pairs[i], pairs[i+1]))
	}
	return all
}

// pod returns the pod of a node.
func pod(b *plan.Builder, img plan.Image, env []any, health int) map[string]any {
	env = append(append(object.APIEnv(b), env...), variables("vip_subnet", "32", "enable_endpointslices", "true", "prometheus_server", "",
		"health_check_port", strconv.Itoa(health))...)
	return map[string]any{
		"serviceAccountName": name, "priorityClassName": "system-node-critical", "hostNetwork": true, "tolerations": object.Everywhere(),
		"terminationGracePeriodSeconds": 5,
		"containers": []any{map[string]any{
			"name": name, "image": img.Ref(), "imagePullPolicy": "IfNotPresent", "args": []any{"manager"},
			"env":             append(env, object.FromField("vip_nodename", "spec.nodeName")),
			"readinessProbe":  map[string]any{"httpGet": map[string]any{"path": "/healthz", "port": health}, "periodSeconds": 1},
			"securityContext": map[string]any{"capabilities": map[string]any{"add": object.Words("NET_ADMIN NET_RAW"), "drop": object.Words("ALL")}},
		}},
	}
}
