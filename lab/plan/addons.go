package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

// Addon is the plan of an addon: all objects for the API server, and the workloads to wait for.
type Addon struct {
	Name    string          `json:"name"` // metallb
	Roles   []scenario.Role `json:"roles"`
	Version string          `json:"version"`
	Images  []Image         `json:"images"` // the nodes hold these images before they start
	// Optional marks an addon that the lab can do without. The nodes do not hold an optional addon's images and pull the images.
	Optional bool `json:"optional,omitempty"`
	// Definitions are custom resource definitions from files.
	Definitions *Definitions `json:"definitions,omitempty"`
	Chart       *Chart       `json:"chart,omitempty"`
	// Manifests are YAML documents, applied in order. Images stand in the documents as Ref writes them.
	Manifests []string `json:"manifests,omitempty"`
	// Secrets are applied before the manifests.
	Secrets []SecretObject `json:"secrets,omitempty"`
	// Objects are the user's own objects, applied in order after the manifests.
	Objects []scenario.Object `json:"objects,omitempty"`
	Ready   []Ready           `json:"ready,omitempty"`
}

// Definitions are files of a Go module, read from Go's module cache.
type Definitions struct {
	// Module is empty for files beside the chart, in the tree of the chart's module. A chart without a module tree has no
	// such files.
	Module  string `json:"module,omitempty"`
	Version string `json:"version,omitempty"` // v0.15.2
	Pattern string `json:"pattern"`           // config/crd/bases/*.yaml
	Label   *Label `json:"label,omitempty"`
	// And are the definitions of one more module.
	And *Definitions `json:"and,omitempty"`
}

// Label is a label of every definition. The value is the first group of Pattern, a regular expression, in File.
type Label struct {
	Name    string `json:"name"`
	File    string `json:"file"`
	Pattern string `json:"pattern"`
}

// Chart is a Helm chart. The first source with the chart counts: Path alone if set, Module, Repository.
type Chart struct {
	// At is the place of a user's chart in the scenario's file, for errors; empty for an addon's own chart.
	At   string `json:"at,omitempty"`
	Path string `json:"path,omitempty"` // a folder, an archive, or a checkout of Module
	// Module is a Go module with the chart in Folder. The module's version is the chart's version with a leading v.
	Module     string         `json:"module,omitempty"`
	Folder     string         `json:"folder,omitempty"`
	Repository string         `json:"repository"`
	Name       string         `json:"name"`
	Version    string         `json:"version"`
	Release    string         `json:"release"`
	Namespace  string         `json:"namespace"`
	Values     map[string]any `json:"values"` // images stand in the values as Ref and RefParts write them
}

// Ready is a DaemonSet with a ready pod on every node, a Deployment with an available pod, a StatefulSet with all pods ready,
// or any other object with a condition.
type Ready struct {
	APIVersion string `json:"apiVersion,omitempty"` // of any other object; empty: any version of the kind
	Condition  string `json:"condition,omitempty"`  // of any object: Ready=True; empty: the object exists
	// SomeNodes is of a DaemonSet that chooses its nodes.
	SomeNodes bool `json:"someNodes,omitempty"`

	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Pods      string `json:"pods,omitempty"` // the label selector of the pods; default: app=NAME
}

// Selector returns the label selector of the pods.
func (r Ready) Selector() string { return cmp.Or(r.Pods, "app="+r.Name) }

// Need is a kernel option and the part that is useless without the option.
type Need struct {
	Option string `json:"option"` // IP_VS, without CONFIG_
	For    string `json:"for"`
	// Instead are options that together serve as well.
	Instead []string `json:"instead,omitempty"`
}

// Ref returns the placeholder of an image in a manifest. The image's real reference replaces the placeholder.
func (i Image) Ref() string { return "{image " + i.Key() + "}" }

// RefParts returns the placeholders of an image in a chart's values: the part before the tag, and the tag.
func (i Image) RefParts() (repository, tag string) {
	return "{repository " + i.Key() + "}", "{tag " + i.Key() + "}"
}

// Addon returns the addon with a name, or nil.
func (p *Plan) Addon(name string) *Addon {
	return p.addon(func(a Addon) bool { return a.Name == name })
}

// AddonWith returns the first addon with a role, or nil.
func (p *Plan) AddonWith(role scenario.Role) *Addon {
	return p.addon(func(a Addon) bool { return slices.Contains(a.Roles, role) })
}

func (p *Plan) addon(match func(Addon) bool) *Addon {
	i := slices.IndexFunc(p.Addons, match)
	if i < 0 {
		return nil
	}
	return &p.Addons[i]
}

// AddonFields plans an addon. The fields of every addon in a scenario have the method.
type AddonFields interface {
	// PlanAddon is pure. Roles of the result, and Name unless set, are filled in afterwards.
	PlanAddon(b *Builder) Addon
}

// addons plans every addon, in the scenario's order.
func (b *builder) addons() {
	for i, a := range b.spec.Addons {
		f, ok := a.Fields.(AddonFields)
		if !ok {
			continue // unknown to the list of members; validation refuses such an entry
		}
		out := f.PlanAddon(&Builder{b, fmt.Sprintf("spec.addons[%d].%s", i, a.Name)})
		out.Name, out.Roles = cmp.Or(out.Name, a.Name), a.Roles()
		out.Images = imagesIn(out)
		b.Addons = append(b.Addons, out)
		if out.Optional {
			b.Parts = append(b.Parts, Part{Name: out.Name, Images: out.Images})
		}
	}
	b.proxy()
}

// proxy has the CNI's step wait for kube-proxy on every node: without kube-proxy, no Service has an answer.
func (b *builder) proxy() {
	c := b.spec.Cluster
	i := slices.IndexFunc(b.Addons, func(a Addon) bool { return slices.Contains(a.Roles, scenario.RoleCNI) })
	if c == nil || c.Provider != scenario.ProviderKind || c.KubeProxy == scenario.KubeProxyNone || i < 0 {
		return
	}
	b.Addons[i].Ready = append(b.Addons[i].Ready, Ready{Kind: "DaemonSet", Namespace: "kube-system", Name: "kube-proxy", Pods: "k8s-app=kube-proxy"})
}

// addonNames lists the CNI's addons if cni is true, else all other addons.
func addonNames(all []Addon, cni bool) string {
	var names []string
	for _, a := range all {
		if slices.Contains(a.Roles, scenario.RoleCNI) == cni {
			names = append(names, a.Name)
		}
	}
	return strings.Join(names, ", ")
}

// kernel lists the kernel options that the networks and the cluster need.
func (b *builder) kernel() {
	for _, n := range b.spec.Networks {
		need := func(set bool, setting, option string, instead ...string) {
			if set {
				b.Kernel = append(b.Kernel, Need{Option: option, Instead: instead, For: "network " + n.Name + ", impairment: " + setting})
			}
		}
		if n.VLAN != nil {
			b.Kernel = append(b.Kernel, Need{Option: "VLAN_8021Q", For: "network " + n.Name + ", vlan"})
		}
		if n.Bond != nil {
			b.Kernel = append(b.Kernel, Need{Option: "BONDING", For: "network " + n.Name + ", bond"})
		}
		if m := n.Impairment; m != nil {
			late := m.Delay > 0 || m.Corrupt > 0
			if b.spec.NodesOn(n.Name) {
				need(late, "delay or corruption for cluster nodes", "NET_SCH_NETEM")
			} else {
				need(late, "delay or corruption", "NET_SCH_NETEM", "NETFILTER_NETLINK_QUEUE", "NFT_COMPAT", "NETFILTER_XT_TARGET_NFQUEUE")
			}
			need(m.Rate != "", "rate", "NET_SCH_TBF")
			need(m.Loss > 0, "loss", "NETFILTER_EGRESS")
			need(m.Loss > 0, "loss", "NFT_NUMGEN")
		}
	}
	if c := b.spec.Cluster; c != nil && c.KubeProxy == scenario.KubeProxyIPVS {
		for _, option := range []string{"IP_VS", "DUMMY"} {
			b.Kernel = append(b.Kernel, Need{Option: option, For: "kubeProxy: ipvs"})
		}
	}
}

// Builder gives an addon the parts of the plan that are known before the cluster: networks and addresses.
type Builder struct {
	b    *builder
	path string // of the addon's fields: spec.addons[1].chart
}

// Path returns the path of the addon's fields in the scenario: spec.addons[1].chart.
func (b *Builder) Path() string { return b.path }

// Where returns the place of one of the addon's fields in the scenario's file: scenario.yaml:12.
func (b *Builder) Where(field string) string { return b.b.Scenario.Where(b.path + "." + field) }

// Spec returns the scenario's spec, with defaults.
func (b *Builder) Spec() *scenario.Spec { return b.b.spec }

// Host returns the properties of the machine.
func (b *Builder) Host() Host { return b.b.host }

// Name returns the engine's and Kubernetes' name of a part of the lab: skidpad-<lab>-worker.
func (b *Builder) Name(part string) string { return b.b.name(part) }

// APIServer returns the host and the port of the API for nodes and agents. No ClusterIP is needed.
func (b *Builder) APIServer() (host string, port int) { return b.b.apiServer() }

// Need adds a kernel option. The addon, or a part of the addon, is useless without the option.
func (b *Builder) Need(option, what string) {
	b.b.Kernel = append(b.b.Kernel, Need{Option: option, For: what})
}

// Mount adds a file system that every node has from its start.
func (b *Builder) Mount(m Mount) { b.b.mounts = append(b.b.mounts, m) }

// Part adds a part of the addon that the lab can do without.
func (b *Builder) Part(p Part) { b.b.Parts = append(b.b.Parts, p) }

// NodesOn returns the IPv4 prefix of the nodes' network.
func (b *Builder) NodesOn() netip.Prefix { return b.b.network(b.b.clusterNetwork()).Subnet }

// RouterID returns the router ID of the node with an index, in a cluster without IPv4.
func (b *Builder) RouterID(node int) netip.Addr { return at(b.NodesOn(), routerIDsAt+node) }

// Pools returns the prefixes of LoadBalancer addresses of all addons.
func (b *Builder) Pools() []netip.Prefix {
	var all []netip.Prefix
	for _, a := range b.b.spec.Addons {
		_, pools := a.Pools()
		all = append(all, scenario.PoolPrefixes(pools)...)
	}
	return all
}

// ExternalIPs returns the external IPs of all workloads, each once, as prefixes.
func (b *Builder) ExternalIPs() []netip.Prefix {
	var all []netip.Prefix
	for _, w := range b.b.spec.Workloads {
		if w.Echo == nil {
			continue
		}
		for _, a := range w.Echo.Service.ExternalIPs {
			if p := netip.PrefixFrom(a, a.BitLen()); !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}
