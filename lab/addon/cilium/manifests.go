package cilium

import (
	"cmp"

	"skidpad.dev/skidpad/lab/addon/object"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// manifests returns Cilium's own resources: the pools of LoadBalancer addresses, the BGP peers and advertisements of the
// nodes, and the addresses for ARP. The Secrets hold the passwords of peers.
func (c *Addon) manifests(b *plan.Builder) (docs []string, secrets []plan.SecretObject) {
	api := "cilium.io/" + c.api()
	docs = append(docs, pools(api, c)...)
	for _, p := range c.PodPools {
		spec := map[string]any{"ipv4": map[string]any{"cidrs": []any{p.CIDR.String()}, "maskSize": p.MaskSize}}
		if p.PodSelector != nil {
			spec["podSelector"] = map[string]any{"matchLabels": p.PodSelector}
		}
		doc := named("cilium.io/v2alpha1", "CiliumPodIPPool", p.Name, spec)
		doc["metadata"] = map[string]any{"name": p.Name, "labels": p.Labels}
		docs = append(docs, plan.YAML(doc))
	}
	if c.BGP != nil {
		bgp := c.bgp(b, api)
		docs, secrets = append(docs, bgp.docs...), bgp.secrets
	}
	if c.L2 != nil {
		docs = append(docs, plan.YAML(c.l2Policy(b)))
	}
	return docs, secrets
}

// api returns the version of the BGP and pool resources: Cilium 1.18 made v2alpha1 into v2.
func (c *Addon) api() string {
	if c.before(18) {
		return "v2alpha1"
	}
	return "v2"
}

// named returns a resource.
func named(api, kind, name string, spec map[string]any) map[string]any {
	return map[string]any{
		"apiVersion": api,
		"kind":       kind,
		"metadata":   map[string]any{"name": name},
		"spec":       spec,
	}
}

// pools returns a resource for all pools without a name, and a resource for each name.
func pools(api string, c *Addon) []string {
	var names []string
	blocks, first := map[string][]any{}, map[string]scenario.Pool{}
	for _, p := range c.LoadBalancerPools {
		name := cmp.Or(p.Name, object.Name)
		if blocks[name] == nil {
			names, first[name] = append(names, name), p
		}
		block := map[string]any{"cidr": p.CIDR.String()}
		if !p.CIDR.IsValid() {
			start, stop, _ := p.Bounds()
			block = map[string]any{"start": start.String(), "stop": stop.String()}
		}
		blocks[name] = append(blocks[name], block)
	}
	var docs []string
	for _, name := range names {
		spec := map[string]any{"allowFirstLastIPs": "No", "blocks": blocks[name]}
		selector := map[string]any{}
		if s := first[name].ServiceSelector; s != nil {
			selector["matchLabels"] = s
		}
		if n := first[name].Namespaces; n != nil {
			selector["matchExpressions"] = []any{map[string]any{"key": "io.kubernetes.service.namespace", "operator": "In", "values": n}}
		}
		if len(selector) > 0 {
			spec["serviceSelector"] = selector
		}
		docs = append(docs, plan.YAML(named(api, "CiliumLoadBalancerIPPool", name, spec)))
	}
	return docs
}

// announcers returns workers, controlPlanes or all. The default is workers, if the cluster has workers: the control plane's
// node has no pods for an answer, and the leases end with the node.
func announcers(b *plan.Builder, l *L2) string {
	if w := b.Spec().Cluster.Workers; l.Nodes == "" && w != nil && *w > 0 {
		return "workers"
	}
	return l.Nodes
}

// l2Policy lets nodes announce external and LoadBalancer addresses of all Services on their own network by ARP. The
// resource is still v2alpha1 in Cilium 1.19.
func (c *Addon) l2Policy(b *plan.Builder) map[string]any {
	spec := map[string]any{
		"externalIPs":     true,
		"loadBalancerIPs": true,
		"interfaces":      []any{"^eth[0-9]+$"},
	}
	if c.L2.Interfaces != nil {
		spec["interfaces"] = c.L2.Interfaces
	}
	if c.L2.ServiceSelector != nil {
		spec["serviceSelector"] = map[string]any{"matchLabels": c.L2.ServiceSelector}
	}
	operator := map[string]string{"workers": "DoesNotExist", "controlPlanes": "Exists"}[announcers(b, c.L2)]
	if operator != "" {
		spec["nodeSelector"] = map[string]any{"matchExpressions": []any{
			map[string]any{"key": "node-role.kubernetes.io/control-plane", "operator": operator},
		}}
	}
	return named("cilium.io/v2alpha1", "CiliumL2AnnouncementPolicy", object.Name, spec)
}
