package plan

import (
	"fmt"
	"slices"

	"skidpad.dev/skidpad/lab/scenario"
)

const (
	// calicoModule is the only version of Calico's repository that is a Go module; its definitions are those of 3.28.5.
	calicoModule  = "github.com/projectcalico/calico"
	calicoVersion = "v1.11.0-cni-plugin.0.20250813170300-a0db560f0520"
	calicoAPI     = "crd.projectcalico.org/v1"
	// reflectorLabel marks route reflectors, and reflectorCluster is their cluster ID (RFC 4456, 7).
	reflectorLabel   = "skidpad.dev/route-reflector"
	reflectorCluster = "244.0.0.1"
)

// calico plans Calico's node agent, CNI plugin and controllers over Kubernetes' own API as the store. Each node's pods
// get addresses of the prefix that Kubernetes gives the node, so that one route a node is announced.
func (b *builder) calico(c *scenario.Calico) Addon {
	node, cni := Image{Name: "calico-node", Version: c.Version}, Image{Name: "calico-cni", Version: c.Version}
	controllers := Image{Name: "calico-kube-controllers", Version: c.Version}
	a := Addon{
		Version: c.Version, Images: []Image{node, cni, controllers},
		Definitions: &Definitions{Module: calicoModule, Version: calicoVersion, Pattern: "libcalico-go/config/crd/*.yaml"},
		Ready:       []Ready{{Kind: "DaemonSet", Namespace: kubeSystem, Name: "calico-node"}, {Kind: "Deployment", Namespace: kubeSystem, Name: "calico-kube-controllers"}},
	}
	a.Manifests = append(calicoAccounts(), named("v1", "ConfigMap", kubeSystem, "calico-config", map[string]any{"data": map[string]any{
		"cni_network_config": calicoNetwork,
	}}))
	a.Manifests = append(a.Manifests, b.calicoResources(c)...)
	a.Manifests = append(a.Manifests,
		podsOf("DaemonSet", kubeSystem, "calico-node", b.calicoPod(c, node, cni)),
		podsOf("Deployment", kubeSystem, "calico-kube-controllers", map[string]any{
			"serviceAccountName": "calico-kube-controllers", "priorityClassName": "system-cluster-critical", "tolerations": everywhere(),
			"containers": []any{map[string]any{
				"name": "calico-kube-controllers", "image": controllers.Ref(), "imagePullPolicy": "IfNotPresent",
				"env":            []any{variable("ENABLED_CONTROLLERS", "node"), variable("DATASTORE_TYPE", "kubernetes")},
				"readinessProbe": map[string]any{"exec": map[string]any{"command": words("/usr/bin/check-status -r")}, "periodSeconds": 2},
			}},
		}))
	return a
}

// calicoNetwork is what the install program writes for containerd. It fills in what stands between underscores.
const calicoNetwork = `{"name":"k8s-pod-network","cniVersion":"0.3.1","plugins":[` +
	`{"type":"calico","log_level":"info","log_file_path":"/var/log/calico/cni/cni.log","datastore_type":"kubernetes",` +
	`"nodename":"__KUBERNETES_NODE_NAME__","mtu":0,"ipam":{"type":"host-local","subnet":"usePodCidr"},"policy":{"type":"k8s"},` +
	`"kubernetes":{"kubeconfig":"__KUBECONFIG_FILEPATH__"}},` +
	`{"type":"portmap","snat":true,"capabilities":{"portMappings":true}}]}`

func variable(name, value string) any { return map[string]any{"name": name, "value": value} }

func calicoAccounts() []string {
	const group, read = "crd.projectcalico.org", "get list watch"
	node := account(kubeSystem, "calico-node", []any{
		rule("", "serviceaccounts/token", "create"), rule("", "pods nodes namespaces serviceaccounts endpoints services configmaps", read),
		rule("discovery.k8s.io", "endpointslices", read), rule("networking.k8s.io", "networkpolicies", read),
		rule("", "nodes/status pods/status", "patch update"), rule("apps", "daemonsets", "get"),
		rule(group, "felixconfigurations bgppeers bgpfilters bgpconfigurations ippools ipreservations ipamblocks globalnetworkpolicies "+
			"globalnetworksets networkpolicies networksets clusterinformations hostendpoints blockaffinities caliconodestatuses", read),
		rule(group, "ippools felixconfigurations clusterinformations bgpconfigurations bgppeers caliconodestatuses", "create update"),
		rule(group, "blockaffinities ipamblocks ipamhandles", "get list create update delete"), rule(group, "ipamconfigs", "get create"),
	}, nil)
	plugin := account(kubeSystem, "calico-cni-plugin", []any{
		rule("", "pods nodes namespaces", "get"), rule("", "pods/status", "patch"),
		rule(group, "blockaffinities ipamblocks ipamhandles clusterinformations ippools ipreservations ipamconfigs", "get list create update delete"),
	}, nil)
	controllers := account(kubeSystem, "calico-kube-controllers", []any{
		rule("", "nodes pods", read), rule(group, "ipreservations", "list"), rule(group, "ippools", "list watch"),
		rule(group, "blockaffinities ipamblocks ipamhandles hostendpoints", "get list create update delete watch"),
		rule(group, "clusterinformations kubecontrollersconfigurations", "get list create update watch"),
	}, nil)
	return slices.Concat(node, plugin, controllers)
}

// calicoResources are the pool of pod addresses and who peers with whom.
func (b *builder) calicoResources(c *scenario.Calico) []string {
	doc := func(kind, name string, spec map[string]any) string {
		return named(calicoAPI, kind, "", name, map[string]any{"spec": spec})
	}
	mode := map[string]string{"none": "Never", "ipip": "Always", "ipipCrossSubnet": "CrossSubnet"}[c.Encapsulation]
	bgp := map[string]any{"asNumber": int64(c.BGP.ASN), "nodeToNodeMeshEnabled": len(c.BGP.RouteReflectors) == 0}
	announce := func(what scenario.Advertisement, field string, cidrs []string) {
		var all []any
		for _, cidr := range cidrs {
			all = append(all, map[string]any{"cidr": cidr})
		}
		if slices.Contains(c.BGP.Advertise, what) && len(all) > 0 {
			bgp[field] = all
		}
	}
	announce(scenario.AdvertiseClusterIP, "serviceClusterIPs", []string{b.spec.Cluster.ServiceCIDR.String()})
	announce(scenario.AdvertiseExternalIP, "serviceExternalIPs", b.externalAddresses())
	announce(scenario.AdvertiseLoadBalancer, "serviceLoadBalancerIPs", b.poolPrefixes())
	docs := []string{
		doc("IPPool", resourceName, map[string]any{"cidr": b.spec.Cluster.PodCIDR.String(), "ipipMode": mode, "vxlanMode": "Never",
			"natOutgoing": false, "nodeSelector": "all()", "blockSize": 26, "allowedUses": []any{"Workload", "Tunnel"}}),
		doc("BGPConfiguration", "default", bgp),
	}
	for _, r := range b.nodePeers(c.BGP.Peers) {
		docs = append(docs, doc("BGPPeer", r.name, map[string]any{"peerIP": r.address, "asNumber": int64(r.asn)}))
	}
	if len(c.BGP.RouteReflectors) == 0 {
		return docs
	}
	for _, short := range c.BGP.RouteReflectors {
		docs = append(docs, toYAML(map[string]any{"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{
			"name": "skidpad-" + b.Lab + "-" + short, "labels": map[string]any{reflectorLabel: "true"},
			"annotations": map[string]any{"projectcalico.org/RouteReflectorClusterID": reflectorCluster},
		}}))
	}
	return append(docs, doc("BGPPeer", "reflectors", map[string]any{"nodeSelector": "all()", "peerSelector": reflectorLabel + " == 'true'"}))
}

func (b *builder) poolPrefixes() []string {
	var all []string
	for _, a := range b.spec.Addons {
		_, pools := a.Pools()
		for _, p := range pools {
			all = append(all, p.String())
		}
	}
	return all
}

func (b *builder) calicoPod(c *scenario.Calico, node, cni Image) map[string]any {
	name := fromField("KUBERNETES_NODE_NAME", "spec.nodeName")
	privileged := map[string]any{"privileged": true}
	env := append(b.apiEnv(), fromField("NODENAME", "spec.nodeName"),
		variable("DATASTORE_TYPE", "kubernetes"), variable("WAIT_FOR_DATASTORE", "true"), variable("CALICO_NETWORKING_BACKEND", "bird"),
		variable("CLUSTER_TYPE", "k8s,bgp"), variable("IP", "autodetect"), variable("IP_AUTODETECTION_METHOD", "kubernetes-internal-ip"),
		variable("AS", fmt.Sprint(c.BGP.ASN)), variable("USE_POD_CIDR", "true"), variable("NO_DEFAULT_POOLS", "true"),
		variable("CALICO_DISABLE_FILE_LOGGING", "true"), variable("FELIX_DEFAULTENDPOINTTOHOSTACTION", "ACCEPT"),
		variable("FELIX_IPV6SUPPORT", "false"), variable("FELIX_HEALTHENABLED", "true"))
	paths := []struct{ name, path, kind string }{
		{"lib-modules", "/lib/modules", "DirectoryOrCreate"}, {"run", "/var/run/calico", "DirectoryOrCreate"},
		{"lib", "/var/lib/calico", "DirectoryOrCreate"}, {"log", "/var/log/calico/cni", "DirectoryOrCreate"},
		{"nodeagent", "/var/run/nodeagent", "DirectoryOrCreate"}, {"xtables-lock", "/run/xtables.lock", "FileOrCreate"},
	}
	volumes := []any{hostPath("cni-bin", "/opt/cni/bin", "DirectoryOrCreate"), hostPath("cni-net", "/etc/cni/net.d", "DirectoryOrCreate")}
	mounts := []any{mount("cni-net", "/host/etc/cni/net.d")}
	for _, p := range paths {
		volumes, mounts = append(volumes, hostPath(p.name, p.path, p.kind)), append(mounts, mount(p.name, p.path))
	}
	return map[string]any{
		"serviceAccountName": "calico-node", "priorityClassName": "system-node-critical", "hostNetwork": true,
		"tolerations": everywhere(), "terminationGracePeriodSeconds": 0, "volumes": volumes,
		"initContainers": []any{map[string]any{
			"name": "install-cni", "image": cni.Ref(), "imagePullPolicy": "IfNotPresent", "command": words("/opt/cni/bin/install"),
			"env": append(b.apiEnv(), name, variable("CNI_CONF_NAME", "10-calico.conflist"), variable("SLEEP", "false"),
				map[string]any{"name": "CNI_NETWORK_CONFIG", "valueFrom": map[string]any{
					"configMapKeyRef": map[string]any{"name": "calico-config", "key": "cni_network_config"}}}),
			"volumeMounts":    []any{mount("cni-bin", "/host/opt/cni/bin"), mount("cni-net", "/host/etc/cni/net.d")},
			"securityContext": privileged,
		}},
		"containers": []any{map[string]any{
			"name": "calico-node", "image": node.Ref(), "imagePullPolicy": "IfNotPresent", "env": env, "volumeMounts": mounts, "securityContext": privileged,
			"readinessProbe": map[string]any{"exec": map[string]any{"command": words("/bin/calico-node -felix-ready -bird-ready")}, "periodSeconds": 2, "timeoutSeconds": 10},
		}},
	}
}
