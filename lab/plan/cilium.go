package plan

import (
	"skidpad.dev/skidpad/lab/scenario"
)

const ciliumModule = "github.com/cilium/cilium"

// cilium plans Cilium. The definitions beside the chart carry the label that the operator looks for: the operator writes
// definitions without its own version's label again.
func (b *builder) cilium(c *scenario.Cilium) Addon {
	a := Addon{
		Version: c.Version,
		Images:  []Image{{Name: "cilium", Version: c.Version}, {Name: "cilium-operator", Version: c.Version}},
		Definitions: &Definitions{Pattern: "pkg/k8s/apis/cilium.io/client/crds/v2*/*.yaml", Label: &Label{
			Name: "io.cilium.k8s.crd.schema.version", File: "pkg/k8s/apis/cilium.io/register.go",
			Pattern: `CustomResourceDefinitionSchemaVersion = "([^"]+)"`,
		}},
		Chart: &Chart{
			Path: c.Chart, Module: ciliumModule, Folder: "install/kubernetes/cilium", Repository: "https://helm.cilium.io",
			Name: "cilium", Version: c.Version, Release: "cilium", Namespace: kubeSystem,
		},
		Manifests: b.ciliumManifests(c),
		Ready: []Ready{
			{Kind: "DaemonSet", Namespace: kubeSystem, Name: "cilium", Pods: "k8s-app=cilium"},
			{Kind: "Deployment", Namespace: kubeSystem, Name: "cilium-operator", Pods: "name=cilium-operator"},
		},
	}
	if c.Hubble != nil && c.Hubble.Relay {
		a.Images = append(a.Images, Image{Name: "hubble-relay", Version: c.Version})
	}
	a.Chart.Values = Merge(b.ciliumValues(c, a.Images), c.Values)
	hubble, _ := a.Chart.Values["hubble"].(map[string]any)
	for _, part := range []string{"relay", "ui"} {
		settings, _ := hubble[part].(map[string]any)
		if hubble["enabled"] == true && settings["enabled"] == true {
			a.Ready = append(a.Ready, hubbleReady("hubble-"+part))
		}
	}
	if c.Hubble != nil && c.Hubble.UI {
		b.Parts = append(b.Parts, hubbleUI())
	}
	if b.spec.Cluster.Provider == scenario.ProviderKind {
		b.mounts = append(b.mounts, Mount{Where: "/sys/fs/bpf", Type: "bpf"}, Mount{Where: ciliumCgroupRoot, Type: "cgroup2"})
	}
	return a
}

// setImage is the chart's setting of an image. The nodes hold the images before they start, under names without a digest.
func setImage(i Image) map[string]any {
	return map[string]any{"override": i.Ref(), "useDigest": false, "pullPolicy": "IfNotPresent"}
}

func hubbleReady(name string) Ready {
	return Ready{Kind: "Deployment", Namespace: kubeSystem, Name: name, Pods: "k8s-app=" + name}
}

// hubbleUI is the page of Hubble. No image of the page is built here, so a lab can do without.
func hubbleUI() Part {
	const version = "0.13.5" // named by the chart of Cilium 1.19
	front, back := Image{Name: "hubble-ui", Version: version}, Image{Name: "hubble-ui-backend", Version: version}
	return Part{
		Name: "hubble-ui", Addon: "cilium", Images: []Image{front, back}, Ready: []Ready{hubbleReady("hubble-ui")},
		Values: map[string]any{"hubble": map[string]any{"ui": map[string]any{
			"enabled": true, "frontend": map[string]any{"image": setImage(front)}, "backend": map[string]any{"image": setImage(back)},
		}}},
	}
}

// ciliumValues are the chart's values that make packets of a client beyond the routers arrive, and
// answers go back from the node that the pod is on.
func (b *builder) ciliumValues(c *scenario.Cilium, images []Image) map[string]any {
	host, port := b.apiServer()
	values := map[string]any{
		"kubeProxyReplacement": true,
		"k8sServiceHost":       host,
		"k8sServicePort":       port,
		"routingMode":          "native",
		"autoDirectNodeRoutes": true,
		"ipam":                 map[string]any{"mode": "kubernetes"},
		"loadBalancer":         map[string]any{"mode": "dsr", "dsrDispatch": "opt"},
		// Without lbExternalClusterIP a ClusterIP is announced, and what comes for it is dropped.
		"bpf":             map[string]any{"masquerade": true, "lbExternalClusterIP": true},
		"bgpControlPlane": map[string]any{"enabled": c.BGP != nil},
		"l2announcements": map[string]any{"enabled": c.L2 != nil},
		"envoy":           map[string]any{"enabled": false},
		"hubble":          hubbleValues(c.Hubble, images),
		"image":           setImage(images[0]),
		"operator":        map[string]any{"replicas": 1, "image": setImage(images[1])},
		// Without Envoy there is nothing behind the layer 7 proxy.
		"l7Proxy": false,
		// The rest is for a quick start: one init container fewer on each node (with it, overrides by
		// CiliumNodeConfig), and a look each second, not every other, at whether the agent is up.
		"daemon":       map[string]any{"configSources": "config-map:cilium-config"},
		"startupProbe": map[string]any{"periodSeconds": 1},
	}
	if b.spec.Cluster.Provider == scenario.ProviderKind {
		// Two init containers fewer: kind's nodes have from their start what the first would mount (cilium), and
		// run no udev, which is what the second guards against: it applies sysctl.d to new interfaces.
		values["cgroup"] = map[string]any{"autoMount": map[string]any{"enabled": false}, "hostRoot": ciliumCgroupRoot}
		values["sysctlfix"] = map[string]any{"enabled": false}
	}
	if len(b.spec.Cluster.Racks) > 0 {
		// A direct route to a node that is no neighbour cannot be; its pods are reached by the rack's router.
		values["directRoutingSkipUnreachable"] = true
	}
	if b.spec.IPv4() {
		values["ipv4NativeRoutingCIDR"] = b.spec.Cluster.PodCIDR.String()
	} else {
		values["ipv4"] = map[string]any{"enabled": false}
	}
	if b.spec.IPv6() {
		values["ipv6"] = map[string]any{"enabled": true}
		values["ipv6NativeRoutingCIDR"] = b.spec.Cluster.PodCIDR6.String()
	}
	if l := c.L2; l != nil {
		values["l2announcements"] = map[string]any{
			"enabled":            true,
			"leaseDuration":      l.LeaseDuration.String(),
			"leaseRenewDeadline": l.LeaseRenewDeadline.String(),
			"leaseRetryPeriod":   l.LeaseRetryPeriod.String(),
		}
	}
	if b.host.NoSysResource {
		// The chart's list of capabilities asks for SYS_RESOURCE, which this host cannot grant.
		values["securityContext"] = map[string]any{"privileged": true}
	}
	return values
}

// ciliumCgroupRoot is where Cilium's chart has the agent look for cgroup2, for its socket load balancing.
const ciliumCgroupRoot = "/run/cilium/cgroupv2"

// hubbleValues are the chart's values of Hubble. The values of the page are those of a part of the lab.
func hubbleValues(h *scenario.Hubble, images []Image) map[string]any {
	if h == nil {
		return map[string]any{"enabled": false}
	}
	relay := map[string]any{"enabled": h.Relay}
	if h.Relay {
		relay["image"] = setImage(images[2])
	}
	return map[string]any{"enabled": true, "relay": relay}
}
