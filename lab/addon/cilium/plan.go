package cilium

import (
	"cmp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

const module = "github.com/cilium/cilium"

// PlanAddon plans Cilium. The definitions beside the chart carry the label of the operator's version. The operator overwrites
// definitions without this label.
func (c *Addon) PlanAddon(b *plan.Builder) plan.Addon {
	a := plan.Addon{
		Version: c.Version,
		Images:  []plan.Image{{Name: "cilium", Version: c.Version}, {Name: "cilium-operator", Version: c.Version}},
		Definitions: &plan.Definitions{Pattern: "pkg/k8s/apis/cilium.io/client/crds/v2*/*.yaml", Label: &plan.Label{
			Name: "io.cilium.k8s.crd.schema.version", File: "pkg/k8s/apis/cilium.io/register.go",
			Pattern: `CustomResourceDefinitionSchemaVersion = "([^"]+)"`,
		}},
		Chart: &plan.Chart{
			Path: cmp.Or(c.Chart, c.checkout()), Module: module, Folder: "install/kubernetes/cilium", Repository: "https://helm.cilium.io",
			Name: "cilium", Version: c.Version, Release: "cilium", Namespace: metav1.NamespaceSystem,
		},
		Ready: []plan.Ready{
			{Kind: "DaemonSet", Namespace: metav1.NamespaceSystem, Name: "cilium", Pods: "k8s-app=cilium"},
			{Kind: "Deployment", Namespace: metav1.NamespaceSystem, Name: "cilium-operator", Pods: "name=cilium-operator"},
		},
	}
	a.Manifests, a.Secrets = c.manifests(b)
	if c.Hubble != nil && c.Hubble.Relay {
		a.Images = append(a.Images, plan.Image{Name: "hubble-relay", Version: c.Version})
	}
	a.Chart.Values = plan.Merge(c.values(b, a.Images), c.Values)
	hubble, _ := a.Chart.Values["hubble"].(map[string]any)
	for _, part := range []string{"relay", "ui"} {
		settings, _ := hubble[part].(map[string]any)
		if hubble["enabled"] == true && settings["enabled"] == true {
			a.Ready = append(a.Ready, hubbleReady("hubble-"+part))
		}
	}
	if c.Hubble != nil && c.Hubble.UI {
		b.Part(hubbleUI())
	}
	if b.Spec().Cluster.Provider == scenario.ProviderKind {
		b.Mount(plan.Mount{Where: "/sys/fs/bpf", Type: "bpf"})
		b.Mount(plan.Mount{Where: cgroupRoot, Type: "cgroup2"})
		if b.Pulls(plan.LeverObjects) { // the agent's image has a program that uses the folder: fixtures/clang
			b.Mount(plan.Mount{Where: "/run/cilium/compiled", Volume: "skidpad-compiled"})
		}
	}
	if c.before(18) {
		b.Need("MODULES", "Cilium before 1.18, which does not start without /proc/modules")
	}
	return a
}

// setImage returns the chart's values of an image. The nodes hold the images before they start, under names without a digest.
func setImage(i plan.Image) map[string]any {
	return map[string]any{"override": i.Ref(), "useDigest": false, "pullPolicy": "IfNotPresent"}
}

func hubbleReady(name string) plan.Ready {
	return plan.Ready{Kind: "Deployment", Namespace: metav1.NamespaceSystem, Name: name, Pods: "k8s-app=" + name}
}

// hubbleUI returns the web page of Hubble as an optional part, because skidpad builds no image of the page.
func hubbleUI() plan.Part {
	front, back := plan.Image{Name: "hubble-ui", Version: hubbleUIVersion}, plan.Image{Name: "hubble-ui-backend", Version: hubbleUIVersion}
	return plan.Part{
		Name: "hubble-ui", Addon: "cilium", Images: []plan.Image{front, back}, Ready: []plan.Ready{hubbleReady("hubble-ui")},
		Values: map[string]any{"hubble": map[string]any{"ui": map[string]any{
			"enabled": true, "frontend": map[string]any{"image": setImage(front)}, "backend": map[string]any{"image": setImage(back)},
		}}},
	}
}

// values returns the chart's values. With these values, packets of a client beyond the routers arrive, and answers leave
// directly from the pod's node.
func (c *Addon) values(b *plan.Builder, images []plan.Image) map[string]any {
	host, port := b.APIServer()
	values := map[string]any{
		"k8sServiceHost":       host,
		"k8sServicePort":       port,
		"routingMode":          "native",
		"autoDirectNodeRoutes": true,
		"ipam":                 map[string]any{"mode": c.ipam()},
		"bgpControlPlane":      map[string]any{"enabled": c.BGP != nil},
		"l2announcements":      map[string]any{"enabled": c.L2 != nil},
		"envoy":                map[string]any{"enabled": false},
		"hubble":               hubbleValues(c.Hubble, images),
		"image":                setImage(images[0]),
		"operator":             map[string]any{"replicas": 1, "image": setImage(images[1])},
		// Without Envoy, nothing answers behind the layer 7 proxy.
		"l7Proxy": false,
	}
	pull(values, b)
	c.proxy(values, b)
	if len(b.Spec().Cluster.Racks) > 0 {
		// Cilium cannot set a direct route to a node in another rack. The rack's router leads to the pods of the node.
		values["directRoutingSkipUnreachable"] = true
	}
	if b.Spec().IPv4() {
		values["ipv4NativeRoutingCIDR"] = b.Spec().Cluster.PodCIDR.String()
	} else {
		values["ipv4"] = map[string]any{"enabled": false}
	}
	if b.Spec().IPv6() {
		values["ipv6"] = map[string]any{"enabled": true}
		values["ipv6NativeRoutingCIDR"] = b.Spec().Cluster.PodCIDR6.String()
	}
	if l := c.L2; l != nil {
		values["l2announcements"] = map[string]any{
			"enabled":            true,
			"leaseDuration":      l.LeaseDuration.String(),
			"leaseRenewDeadline": l.LeaseRenewDeadline.String(),
			"leaseRetryPeriod":   l.LeaseRetryPeriod.String(),
		}
	}
	if b.Host().NoSysResource {
		// The chart's list of capabilities contains SYS_RESOURCE, but this host cannot grant SYS_RESOURCE.
		values["securityContext"] = map[string]any{"privileged": true}
	}
	return values
}

// proxy sets the chart's values of Cilium as the proxy of Services. Beside kube-proxy, the agents need none: kube-proxy
// answers at all addresses of a Service, and masquerading by eBPF needs the replacement's NodePort code.
func (c *Addon) proxy(values map[string]any, b *plan.Builder) {
	replaced, _ := c.ProxiesServices(b.Spec().Cluster.KubeProxy)
	values["kubeProxyReplacement"] = replaced
	if !replaced {
		values["bpf"] = map[string]any{"masquerade": false}
		return
	}
	values["loadBalancer"] = map[string]any{"mode": "dsr", "dsrDispatch": "opt"}
	// Without lbExternalClusterIP, Cilium announces a ClusterIP but drops the packets to the ClusterIP.
	values["bpf"] = map[string]any{"masquerade": true, "lbExternalClusterIP": true}
}

// ipam returns the origin of the pods' addresses: pools, or the part of the cluster's podCIDR that Kubernetes gives the node.
func (c *Addon) ipam() string {
	if c.PodPools != nil {
		return "multi-pool"
	}
	return "kubernetes"
}

// pull sets the chart's values of the levers.
func pull(values map[string]any, b *plan.Builder) {
	if b.Pulls(plan.LeverStart) {
		// An init container fewer on each node (without overrides by CiliumNodeConfig), and a startup probe each second
		// instead of every two seconds.
		values["daemon"] = map[string]any{"configSources": "config-map:cilium-config"}
		values["startupProbe"] = map[string]any{"periodSeconds": 1}
	}
	if b.Pulls(plan.LeverGarbage) {
		values["extraEnv"] = plan.GarbageEnv()
	}
	if b.Spec().Cluster.Provider == scenario.ProviderKind && b.Pulls(plan.LeverStart) {
		// Two init containers fewer. The first mounts file systems, but kind's nodes have these mounts from the start
		// (PlanAddon). The second guards against udev, because udev applies sysctl.d to new interfaces, but kind's nodes run
		// no udev.
		values["cgroup"] = map[string]any{"autoMount": map[string]any{"enabled": false}, "hostRoot": cgroupRoot}
		values["sysctlfix"] = map[string]any{"enabled": false}
	}
}

// cgroupRoot is the agent's path of cgroup2 in Cilium's chart, for the socket load balancing.
const cgroupRoot = "/run/cilium/cgroupv2"

// hubbleValues returns the chart's values of Hubble. The values of the page come from the optional part: see hubbleUI.
func hubbleValues(h *Hubble, images []plan.Image) map[string]any {
	if h == nil {
		return map[string]any{"enabled": false}
	}
	relay := map[string]any{"enabled": h.Relay}
	if h.Relay {
		relay["image"] = setImage(images[2])
	}
	return map[string]any{"enabled": true, "relay": relay}
}
