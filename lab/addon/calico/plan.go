package calico

import (
	"fmt"
	"net/netip"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/addon/object"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

const (
	// module is the Go module of Calico's repository. moduleVersion is the only version of the module, with the definitions
	// of 3.28.5.
	module        = "github.com/projectcalico/calico"
	moduleVersion = "v1.11.0-cni-plugin.0.20250813170300-a0db560f0520"
	api           = "crd.projectcalico.org/v1"
	// reflectorLabel marks route reflectors. reflectorCluster is the reflectors' cluster ID (RFC 4456, 7).
	reflectorLabel   = "skidpad.dev/route-reflector"
	reflectorCluster = "244.0.0.1"
)

// PlanAddon plans Calico's node agent, CNI plugin and controllers over Kubernetes' own API as the store. The pods of a node
// get addresses from the node's prefix in Kubernetes. Each node therefore announces a single route.
func (c *Addon) PlanAddon(b *plan.Builder) plan.Addon {
	node, cni := plan.Image{Name: "calico-node", Version: c.Version}, plan.Image{Name: "calico-cni", Version: c.Version}
	controllers := plan.Image{Name: "calico-kube-controllers", Version: c.Version}
	a := plan.Addon{
		Version: c.Version, Images: []plan.Image{node, cni, controllers},
		Definitions: &plan.Definitions{Module: module, Version: moduleVersion, Pattern: "libcalico-go/config/crd/*.yaml"},
		Ready:       []plan.Ready{{Kind: "DaemonSet", Namespace: metav1.NamespaceSystem, Name: "calico-node"}, {Kind: "Deployment", Namespace: metav1.NamespaceSystem, Name: "calico-kube-controllers"}},
	}
	a.Manifests = append(accounts(), object.Named("v1", "ConfigMap", metav1.NamespaceSystem, "calico-config", map[string]any{"data": map[string]any{
		"cni_network_config": network,
	}}))
	a.Manifests = append(a.Manifests, c.resources(b)...)
	a.Manifests = append(a.Manifests,
		object.PodsOf("DaemonSet", metav1.NamespaceSystem, "calico-node", c.pod(b, node, cni)),
		object.PodsOf("Deployment", metav1.NamespaceSystem, "calico-kube-controllers", map[string]any{
			"serviceAccountName": "calico-kube-controllers", "priorityClassName": "system-cluster-critical", "tolerations": object.Everywhere(),
			"containers": []any{map[string]any{
				"name": "calico-kube-controllers", "image": controllers.Ref(), "imagePullPolicy": "IfNotPresent",
				"env":            []any{object.Env("ENABLED_CONTROLLERS", "node"), object.Env("DATASTORE_TYPE", "kubernetes")},
				"readinessProbe": map[string]any{"exec": map[string]any{"command": object.Words("/usr/bin/check-status -r")}, "periodSeconds": 2},
			}},
		}))
	if c.Encapsulation != "none" {
		b.Need("NET_IPIP", "Calico's encapsulation "+c.Encapsulation)
	}
	return a
}

// network is the template of the network configuration for containerd. Calico's install program replaces the names between
// underscores, and writes the file.
const network = `{"name":"k8s-pod-network","cniVersion":"0.3.1","plugins":[` +
	`{"type":"calico","log_level":"info","log_file_path":"/var/log/calico/cni/cni.log","datastore_type":"kubernetes",` +
	`"nodename":"__KUBERNETES_NODE_NAME__","mtu":0,"ipam":{"type":"host-local","subnet":"usePodCidr"},"policy":{"type":"k8s"},` +
	`"kubernetes":{"kubeconfig":"__KUBECONFIG_FILEPATH__"}},` +
	`{"type":"portmap","snat":true,"capabilities":{"portMappings":true}}]}`

func accounts() []string {
	const group, read = "crd.projectcalico.org", "get list watch"
	node := object.Account(metav1.NamespaceSystem, "calico-node", []any{
		object.Rule("", "serviceaccounts/token", "create"), object.Rule("", "pods nodes namespaces serviceaccounts endpoints services configmaps", read),
		object.Rule("discovery.k8s.io", "endpointslices", read), object.Rule("networking.k8s.io", "networkpolicies", read),
		object.Rule("", "nodes/status pods/status", "patch update"), object.Rule("apps", "daemonsets", "get"),
		object.Rule(group, "felixconfigurations bgppeers bgpfilters bgpconfigurations ippools ipreservations ipamblocks globalnetworkpolicies "+
			"globalnetworksets networkpolicies networksets clusterinformations hostendpoints blockaffinities caliconodestatuses", read),
		object.Rule(group, "ippools felixconfigurations clusterinformations bgpconfigurations bgppeers caliconodestatuses", "create update"),
		object.Rule(group, "blockaffinities ipamblocks ipamhandles", "get list create update delete"), object.Rule(group, "ipamconfigs", "get create"),
	}, nil)
	plugin := object.Account(metav1.NamespaceSystem, "calico-cni-plugin", []any{
		object.Rule("", "pods nodes namespaces", "get"), object.Rule("", "pods/status", "patch"),
		object.Rule(group, "blockaffinities ipamblocks ipamhandles clusterinformations ippools ipreservations ipamconfigs", "get list create update delete"),
	}, nil)
	controllers := object.Account(metav1.NamespaceSystem, "calico-kube-controllers", []any{
		object.Rule("", "nodes pods", read), object.Rule(group, "ipreservations", "list"), object.Rule(group, "ippools", "list watch"),
		object.Rule(group, "blockaffinities ipamblocks ipamhandles hostendpoints", "get list create update delete watch"),
		object.Rule(group, "clusterinformations kubecontrollersconfigurations", "get list create update watch"),
	}, nil)
	return slices.Concat(node, plugin, controllers)
}

// resources returns the pool of pod addresses and the BGP peers.
func (c *Addon) resources(b *plan.Builder) []string {
	doc := func(kind, name string, spec map[string]any) string {
		return object.Named(api, kind, "", name, map[string]any{"spec": spec})
	}
	mode := map[string]string{"none": "Never", "ipip": "Always", "ipipCrossSubnet": "CrossSubnet"}[c.Encapsulation]
	bgp := map[string]any{"asNumber": int64(c.BGP.ASN), "nodeToNodeMeshEnabled": len(c.BGP.RouteReflectors) == 0}
	announce := func(what scenario.Advertisement, field string, cidrs []netip.Prefix) {
		var all []any
		for _, cidr := range cidrs {
			all = append(all, map[string]any{"cidr": cidr.String()})
		}
		if len(all) > 0 && slices.ContainsFunc(c.BGP.Advertise, func(a scenario.Announcement) bool { return a.Kind == what }) {
			bgp[field] = all
		}
	}
	announce(scenario.AdvertiseClusterIP, "serviceClusterIPs", []netip.Prefix{b.Spec().Cluster.ServiceCIDR})
	announce(scenario.AdvertiseExternalIP, "serviceExternalIPs", b.ExternalIPs())
	announce(scenario.AdvertiseLoadBalancer, "serviceLoadBalancerIPs", b.Pools())
	docs := []string{
		doc("IPPool", object.Name, map[string]any{"cidr": b.Spec().Cluster.PodCIDR.String(), "ipipMode": mode, "vxlanMode": "Never",
			"natOutgoing": false, "nodeSelector": "all()", "blockSize": 26, "allowedUses": []any{"Workload", "Tunnel"}}),
		doc("BGPConfiguration", "default", bgp),
	}
	for _, r := range b.Peers(c.BGP.Peers, "") {
		docs = append(docs, doc("BGPPeer", r.Name, map[string]any{"peerIP": r.Address.String(), "asNumber": int64(r.ASN)}))
	}
	if len(c.BGP.RouteReflectors) == 0 {
		return docs
	}
	for _, short := range c.BGP.RouteReflectors {
		docs = append(docs, plan.YAML(map[string]any{"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{
			"name": b.Name(short), "labels": map[string]any{reflectorLabel: "true"},
			"annotations": map[string]any{"projectcalico.org/RouteReflectorClusterID": reflectorCluster},
		}}))
	}
	return append(docs, doc("BGPPeer", "reflectors", map[string]any{"nodeSelector": "all()", "peerSelector": reflectorLabel + " == 'true'"}))
}

func (c *Addon) pod(b *plan.Builder, node, cni plan.Image) map[string]any {
	name := object.FromField("KUBERNETES_NODE_NAME", "spec.nodeName")
	privileged := map[string]any{"privileged": true}
	env := append(object.APIEnv(b), object.FromField("NODENAME", "spec.nodeName"),
		object.Env("DATASTORE_TYPE", "kubernetes"), object.Env("WAIT_FOR_DATASTORE", "true"), object.Env("CALICO_NETWORKING_BACKEND", "bird"),
		object.Env("CLUSTER_TYPE", "k8s,bgp"), object.Env("IP", "autodetect"), object.Env("IP_AUTODETECTION_METHOD", "kubernetes-internal-ip"),
		object.Env("AS", fmt.Sprint(c.BGP.ASN)), object.Env("USE_POD_CIDR", "true"), object.Env("NO_DEFAULT_POOLS", "true"),
		object.Env("CALICO_DISABLE_FILE_LOGGING", "true"), object.Env("FELIX_DEFAULTENDPOINTTOHOSTACTION", "ACCEPT"),
		object.Env("FELIX_IPV6SUPPORT", "false"), object.Env("FELIX_HEALTHENABLED", "true"))
	paths := []struct{ name, path, kind string }{
		{"lib-modules", "/lib/modules", "DirectoryOrCreate"}, {"run", "/var/run/calico", "DirectoryOrCreate"},
		{"lib", "/var/lib/calico", "DirectoryOrCreate"}, {"log", "/var/log/calico/cni", "DirectoryOrCreate"},
		{"nodeagent", "/var/run/nodeagent", "DirectoryOrCreate"}, {"xtables-lock", "/run/xtables.lock", "FileOrCreate"},
	}
	volumes := []any{object.HostPath("cni-bin", "/opt/cni/bin", "DirectoryOrCreate"), object.HostPath("cni-net", "/etc/cni/net.d", "DirectoryOrCreate")}
	mounts := []any{object.Mount("cni-net", "/host/etc/cni/net.d")}
	for _, p := range paths {
		volumes, mounts = append(volumes, object.HostPath(p.name, p.path, p.kind)), append(mounts, object.Mount(p.name, p.path))
	}
	return map[string]any{
		"serviceAccountName": "calico-node", "priorityClassName": "system-node-critical", "hostNetwork": true,
		"tolerations": object.Everywhere(), "terminationGracePeriodSeconds": 0, "volumes": volumes,
		"initContainers": []any{map[string]any{
			"name": "install-cni", "image": cni.Ref(), "imagePullPolicy": "IfNotPresent", "command": object.Words("/opt/cni/bin/install"),
			"env": append(object.APIEnv(b), name, object.Env("CNI_CONF_NAME", "10-calico.conflist"), object.Env("SLEEP", "false"),
				map[string]any{"name": "CNI_NETWORK_CONFIG", "valueFrom": map[string]any{
					"configMapKeyRef": map[string]any{"name": "calico-config", "key": "cni_network_config"}}}),
			"volumeMounts":    []any{object.Mount("cni-bin", "/host/opt/cni/bin"), object.Mount("cni-net", "/host/etc/cni/net.d")},
			"securityContext": privileged,
		}},
		"containers": []any{map[string]any{
			"name": "calico-node", "image": node.Ref(), "imagePullPolicy": "IfNotPresent", "env": env, "volumeMounts": mounts, "securityContext": privileged,
			"readinessProbe": map[string]any{"exec": map[string]any{"command": object.Words("/bin/calico-node -felix-ready -bird-ready")}, "periodSeconds": 2, "timeoutSeconds": 10},
		}},
	}
}
