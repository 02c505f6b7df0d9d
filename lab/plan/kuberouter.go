package plan

import (
	"fmt"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

const (
	kubeSystem       = "kube-system"
	kubeRouterHealth = 20244
	kubeRouterConf   = "/etc/cni/net.d/10-kuberouter.conflist"
)

// kubeRouter plans kube-router's DaemonSet. What it is to do is in its arguments; since its strict validation it
// announces external and LoadBalancer addresses of the ranges that it is told only.
func (b *builder) kubeRouter(k *scenario.KubeRouter) Addon {
	image := Image{Name: "kube-router", Version: k.Version}
	a := Addon{Version: k.Version, Images: []Image{image}, Ready: []Ready{{Kind: "DaemonSet", Namespace: kubeSystem, Name: "kube-router"}}}
	const read = "get list watch"
	a.Manifests = account(kubeSystem, "kube-router", []any{
		rule("", "namespaces pods services nodes endpoints", read),
		rule("networking.k8s.io", "networkpolicies", read),
		rule("discovery.k8s.io", "endpointslices", read),
		rule("coordination.k8s.io", "leases", "get create update"),
		rule("", "services/status", "update"),
	}, nil)
	if k.CNI {
		a.Manifests = append(a.Manifests, kubeRouterCNI())
	}
	a.Manifests = append(a.Manifests, podsOf("DaemonSet", kubeSystem, "kube-router", b.kubeRouterPod(k, image)))
	return a
}

// kubeRouterCNI is the pods' network: a bridge on each node. kube-router adds the node's pod prefix to it.
func kubeRouterCNI() string {
	return named("v1", "ConfigMap", kubeSystem, "kube-router-cni", map[string]any{"data": map[string]any{
		"cni-conf.json": `{"cniVersion":"0.3.0","name":"skidpad","plugins":[` +
			`{"name":"kubernetes","type":"bridge","bridge":"kube-bridge","isDefaultGateway":true,"hairpinMode":true,"ipam":{"type":"host-local"}},` +
			`{"type":"portmap","capabilities":{"portMappings":true,"snat":true}}]}`,
	}})
}

func (b *builder) kubeRouterArgs(k *scenario.KubeRouter) []any {
	flag := func(name string, value any) string { return fmt.Sprintf("--%s=%v", name, value) }
	announces := func(what scenario.Advertisement) bool { return slices.Contains(k.Advertise, what) }
	var ips, asns []string
	for _, r := range b.nodePeers(k.Peers) {
		ips, asns = append(ips, r.address), append(asns, fmt.Sprint(r.asn))
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
		flag("service-cluster-ip-range", b.spec.Cluster.ServiceCIDR),
	}
	for _, p := range b.externalAddresses() {
		all = append(all, flag("service-external-ip-range", p))
	}
	for _, a := range b.spec.Addons {
		_, pools := a.Pools()
		for _, p := range pools {
			all = append(all, flag("loadbalancer-ip-range", p))
		}
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

func (b *builder) kubeRouterPod(k *scenario.KubeRouter, image Image) map[string]any {
	env := append(b.apiEnv(), fromField("NODE_NAME", "spec.nodeName"), fromField("POD_NAME", "metadata.name"))
	volumes := []any{hostPath("xtables-lock", "/run/xtables.lock", "FileOrCreate"), hostPath("lib-modules", "/lib/modules", "DirectoryOrCreate")}
	mounts := []any{mount("xtables-lock", "/run/xtables.lock"), mount("lib-modules", "/lib/modules")}
	pod := map[string]any{
		"serviceAccountName": "kube-router", "priorityClassName": "system-node-critical",
		"hostNetwork": true, "hostPID": true, "tolerations": everywhere(), "terminationGracePeriodSeconds": 5,
	}
	if k.CNI {
		env = append(env, map[string]any{"name": "KUBE_ROUTER_CNI_CONF_FILE", "value": kubeRouterConf})
		volumes = append(volumes, hostPath("cni-conf-dir", "/etc/cni/net.d", "DirectoryOrCreate"),
			map[string]any{"name": "cni-conf", "configMap": map[string]any{"name": "kube-router-cni"}})
		mounts = append(mounts, mount("cni-conf-dir", "/etc/cni/net.d"))
		// The plugins that it names are in the node image.
		pod["initContainers"] = []any{map[string]any{
			"name": "install-cni", "image": image.Ref(), "imagePullPolicy": "IfNotPresent",
			"command":      []any{"/bin/sh", "-c", "test -f " + kubeRouterConf + " || cp /etc/kube-router/cni-conf.json " + kubeRouterConf},
			"volumeMounts": []any{mount("cni-conf-dir", "/etc/cni/net.d"), mount("cni-conf", "/etc/kube-router")},
		}}
	}
	if k.ServiceProxy {
		// For DSR it enters pods' namespaces by way of their runtime.
		pod["hostIPC"] = true
		volumes = append(volumes, hostPath("containerd", "/run/containerd", "Directory"))
		mounts = append(mounts, mount("containerd", "/run/containerd"))
	}
	pod["volumes"] = volumes
	pod["containers"] = []any{map[string]any{
		"name": "kube-router", "image": image.Ref(), "imagePullPolicy": "IfNotPresent", "args": b.kubeRouterArgs(k), "env": env,
		"securityContext": map[string]any{"privileged": true}, "volumeMounts": mounts,
		"readinessProbe": map[string]any{"httpGet": map[string]any{"path": "/healthz", "port": kubeRouterHealth}, "periodSeconds": 1},
	}}
	return pod
}

// externalAddresses are the external IPs of all workloads, each once.
func (b *builder) externalAddresses() []string {
	var all []string
	for _, w := range b.spec.Workloads {
		if w.Echo == nil {
			continue
		}
		for _, a := range w.Echo.Service.ExternalIPs {
			if p := fmt.Sprintf("%s/%d", a, a.BitLen()); !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}
