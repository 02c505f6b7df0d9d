package kuberouter

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/addon/object"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

const (
	healthPort = 20244
	confFile   = "/etc/cni/net.d/10-kuberouter.conflist"
)

// PlanAddon plans kube-router's DaemonSet. The arguments select the work. Because of kube-router's strict validation,
// kube-router announces external and LoadBalancer addresses only in the ranges of the arguments.
func (k *Addon) PlanAddon(b *plan.Builder) plan.Addon {
	image := plan.Image{Name: "kube-router", Version: k.Version}
	a := plan.Addon{Version: k.Version, Images: []plan.Image{image}, Ready: []plan.Ready{{Kind: "DaemonSet", Namespace: metav1.NamespaceSystem, Name: "kube-router"}}}
	const read = "get list watch"
	a.Manifests = object.Account(metav1.NamespaceSystem, "kube-router", []any{
		object.Rule("", "namespaces pods services nodes endpoints", read),
		object.Rule("networking.k8s.io", "networkpolicies", read),
		object.Rule("discovery.k8s.io", "endpointslices", read),
		object.Rule("coordination.k8s.io", "leases", "get create update"),
		object.Rule("", "services/status", "update"),
	}, nil)
	if k.CNI {
		a.Manifests = append(a.Manifests, cniConf())
	}
	a.Manifests = append(a.Manifests, object.PodsOf("DaemonSet", metav1.NamespaceSystem, "kube-router", k.pod(b, image)))
	if k.ServiceProxy {
		b.Need("IP_VS", "kube-router's service proxy")
		b.Need("DUMMY", "kube-router's service proxy")
	}
	if k.Overlay {
		b.Need("NET_IPIP", "kube-router's overlay")
	}
	return a
}

// cniConf returns the configuration of the pods' network: a bridge on each node. kube-router adds the node's pod prefix to
// the configuration.
func cniConf() string {
	return object.Named("v1", "ConfigMap", metav1.NamespaceSystem, "kube-router-cni", map[string]any{"data": map[string]any{
		"cni-conf.json": `{"cniVersion":"0.3.0","name":"skidpad","plugins":[` +
			`{"name":"kubernetes","type":"bridge","bridge":"kube-bridge","isDefaultGateway":true,"hairpinMode":true,"ipam":{"type":"host-local"}},` +
			`{"type":"portmap","capabilities":{"portMappings":true,"snat":true}}]}`,
	}})
}

func (k *Addon) args(b *plan.Builder) []any {
	flag := func(name string, value any) string { return fmt.Sprintf("--%s=%v", name, value) }
	announces := func(what scenario.Advertisement) bool {
		return slices.ContainsFunc(k.Advertise, func(a scenario.Announcement) bool { return a.Kind == what })
	}
	var ips, asns []string
	for _, r := range b.Peers(k.Peers, "") {
		ips, asns = append(ips, r.Address.String()), append(asns, fmt.Sprint(r.ASN))
	}
	all := []string{
		"--run-router=true", flag("run-firewall", k.Firewall), flag("run-service-proxy", k.ServiceProxy),
		flag("enable-cni", k.CNI), "--enable-pod-egress=false",
		flag("enable-ibgp", *k.IBGP), flag("enable-overlay", k.Overlay),
		flag("advertise-pod-cidr", announces(scenario.AdvertisePodCIDR)),
		flag("advertise-cluster-ip", announces(scenario.AdvertiseClusterIP)),
		flag("advertise-external-ip", announces(scenario.AdvertiseExternalIP)),
		flag("advertise-loadbalancer-ip", announces(scenario.AdvertiseLoadBalancer)),
		flag("bgp-graceful-restart", k.GracefulRestart), flag("bgp-holdtime", k.HoldTime),
		flag("cluster-asn", k.ASN), flag("peer-router-ips", strings.Join(ips, ",")), flag("peer-router-asns", strings.Join(asns, ",")),
		flag("service-cluster-ip-range", b.Spec().Cluster.ServiceCIDR),
	}
	for _, p := range b.ExternalIPs() {
		all = append(all, flag("service-external-ip-range", p))
	}
	for _, p := range b.Pools() {
		all = append(all, flag("loadbalancer-ip-range", p))
	}
	if k.ServiceProxy {
		all = append(all, "--runtime-endpoint=unix:///run/containerd/containerd.sock")
	}
	out := make([]any, 0, len(all))
	for _, arg := range all {
		out = append(out, arg)
	}
	return out
}

func (k *Addon) pod(b *plan.Builder, image plan.Image) map[string]any {
	env := append(object.APIEnv(b), object.FromField("NODE_NAME", "spec.nodeName"), object.FromField("POD_NAME", "metadata.name"))
	volumes := []any{object.HostPath("xtables-lock", "/run/xtables.lock", "FileOrCreate"), object.HostPath("lib-modules", "/lib/modules", "DirectoryOrCreate")}
	mounts := []any{object.Mount("xtables-lock", "/run/xtables.lock"), object.Mount("lib-modules", "/lib/modules")}
	pod := map[string]any{
		"serviceAccountName": "kube-router", "priorityClassName": "system-node-critical",
		"hostNetwork": true, "hostPID": true, "tolerations": object.Everywhere(), "terminationGracePeriodSeconds": 5,
	}
	if k.CNI {
		env = append(env, map[string]any{"name": "KUBE_ROUTER_CNI_CONF_FILE", "value": confFile})
		volumes = append(volumes, object.HostPath("cni-conf-dir", "/etc/cni/net.d", "DirectoryOrCreate"),
			map[string]any{"name": "cni-conf", "configMap": map[string]any{"name": "kube-router-cni"}})
		mounts = append(mounts, object.Mount("cni-conf-dir", "/etc/cni/net.d"))
		// The node image contains the plugins of the configuration.
		pod["initContainers"] = []any{map[string]any{
			"name": "install-cni", "image": image.Ref(), "imagePullPolicy": "IfNotPresent",
			"command":      []any{"/bin/sh", "-c", "test -f " + confFile + " || cp /etc/kube-router/cni-conf.json " + confFile},
			"volumeMounts": []any{object.Mount("cni-conf-dir", "/etc/cni/net.d"), object.Mount("cni-conf", "/etc/kube-router")},
		}}
	}
	if k.ServiceProxy {
		// For DSR, kube-router enters the pods' namespaces via the container runtime.
		pod["hostIPC"] = true
		volumes = append(volumes, object.HostPath("containerd", "/run/containerd", "Directory"))
		mounts = append(mounts, object.Mount("containerd", "/run/containerd"))
	}
	pod["volumes"] = volumes
	pod["containers"] = []any{map[string]any{
		"name": "kube-router", "image": image.Ref(), "imagePullPolicy": "IfNotPresent", "args": k.args(b), "env": env,
		"securityContext": map[string]any{"privileged": true}, "volumeMounts": mounts,
		"readinessProbe": map[string]any{"httpGet": map[string]any{"path": "/healthz", "port": healthPort}, "periodSeconds": 1},
	}}
	return pod
}
