package plan

import (
	"maps"

	"skidpad.dev/skidpad/lab/scenario"
)

func (b *builder) cilium() {
	c := ciliumOf(b.spec)
	if c == nil {
		return
	}
	b.Cilium = &Cilium{
		Version:   c.Version,
		Chart:     c.Chart,
		Values:    merge(b.ciliumValues(c), c.Values),
		Manifests: b.ciliumManifests(c),
		Images: []Image{
			{Name: "cilium", Version: c.Version},
			{Name: "cilium-operator", Version: c.Version},
		},
	}
	if c.Hubble != nil && c.Hubble.Relay {
		b.Cilium.Images = append(b.Cilium.Images, Image{Name: "hubble-relay", Version: c.Version})
	}
}

// ciliumValues are the chart's values that make packets of a client beyond the routers arrive, and
// answers go back from the node that the pod is on.
func (b *builder) ciliumValues(c *scenario.Cilium) map[string]any {
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
		"hubble":          hubbleValues(c.Hubble),
		"operator":        map[string]any{"replicas": 1},
		// Without Envoy there is nothing behind the layer 7 proxy.
		"l7Proxy": false,
		// The rest is for a quick start: one init container fewer on each node (with it, overrides by
		// CiliumNodeConfig), and a look each second, not every other, at whether the agent is up.
		"daemon":       map[string]any{"configSources": "config-map:cilium-config"},
		"startupProbe": map[string]any{"periodSeconds": 1},
	}
	if b.spec.Cluster.Provider == scenario.ProviderKind {
		// Two init containers fewer: kind's nodes have from their start what the first would mount (ciliumMounts), and
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

// ciliumMounts are the file systems that Cilium otherwise mounts on each node before its agent starts.
func (b *builder) ciliumMounts() []Mount {
	if b.Cilium == nil || b.spec.Cluster.Provider != scenario.ProviderKind {
		return nil
	}
	return []Mount{{Where: "/sys/fs/bpf", Type: "bpf"}, {Where: ciliumCgroupRoot, Type: "cgroup2"}}
}

// merge lays over on top of base, map by map, and shares nothing with over.
func merge(base, over map[string]any) map[string]any {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range over {
		upper, ok := v.(map[string]any)
		if !ok {
			out[k] = copied(v)
			continue
		}
		lower, _ := out[k].(map[string]any)
		out[k] = merge(lower, upper)
	}
	return out
}

func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return merge(nil, v)
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = copied(x)
		}
		return out
	}
	return v
}
