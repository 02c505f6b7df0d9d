package plan

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

// Addon is the plan of an addon: everything for the API server, and the workloads to wait for.
type Addon struct {
	Name    string          `json:"name"` // metallb
	Roles   []scenario.Role `json:"roles"`
	Version string          `json:"version"`
	Images  []Image         `json:"images"` // the nodes hold these images before they start
	// Definitions are custom resource definitions from files.
	Definitions *Definitions `json:"definitions,omitempty"`
	Chart       *Chart       `json:"chart,omitempty"`
	// Manifests are YAML documents, applied in order. Images stand in the documents as Ref writes them.
	Manifests []string `json:"manifests,omitempty"`
	Ready     []Ready  `json:"ready,omitempty"`
}

// Definitions are files of a Go module, read from Go's module cache.
type Definitions struct {
	// Module is empty for files beside the chart, in the tree of the chart's module. A chart without such a tree has none.
	Module  string `json:"module,omitempty"`
	Version string `json:"version,omitempty"` // v0.15.2
	Pattern string `json:"pattern"`           // config/crd/bases/*.yaml
	Label   *Label `json:"label,omitempty"`
}

// Label is a label of every definition. The value is the first group of Pattern, a regular expression, in File.
type Label struct {
	Name    string `json:"name"`
	File    string `json:"file"`
	Pattern string `json:"pattern"`
}

// Chart is a Helm chart. The first source that has the chart is used: Path alone if set, Module, Repository.
type Chart struct {
	Path string `json:"path,omitempty"` // a folder, an archive, or a checkout of Module
	// Module is a Go module with the chart in Folder; the module's version is the chart's with a leading v.
	Module     string         `json:"module,omitempty"`
	Folder     string         `json:"folder,omitempty"`
	Repository string         `json:"repository"`
	Name       string         `json:"name"`
	Version    string         `json:"version"`
	Release    string         `json:"release"`
	Namespace  string         `json:"namespace"`
	Values     map[string]any `json:"values"` // images stand in the values as Ref and RefParts write them
}

// Ready is a DaemonSet with a ready pod on every node, or a Deployment with an available pod.
type Ready struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Pods      string `json:"pods,omitempty"` // the label selector of the pods; default: app=NAME
}

// Selector returns the label selector of the pods.
func (r Ready) Selector() string { return cmp.Or(r.Pods, "app="+r.Name) }

// Need is a kernel option, and what has no use without it.
type Need struct {
	Option string `json:"option"` // IP_VS, without CONFIG_
	For    string `json:"for"`
}

// Ref stands in a manifest for the reference that the image is found under.
func (i Image) Ref() string { return "{image " + i.Key() + "}" }

// RefParts stand in a chart's values for a reference's two halves: what is before its tag, and the tag.
func (i Image) RefParts() (repository, tag string) {
	return "{repository " + i.Key() + "}", "{tag " + i.Key() + "}"
}

// Addon returns the addon of that name, or nil.
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

// addons plans every addon, in the scenario's order.
func (b *builder) addons() {
	for _, a := range b.spec.Addons {
		var out Addon
		switch {
		case a.Cilium != nil:
			out = b.cilium(a.Cilium)
		case a.Calico != nil:
			out = b.calico(a.Calico)
		case a.KubeRouter != nil:
			out = b.kubeRouter(a.KubeRouter)
		case a.MetalLB != nil:
			out = b.metalLB(a.MetalLB)
		case a.PureLB != nil:
			out = b.pureLB(a.PureLB)
		case a.BIRD != nil:
			out = b.nodeBIRD(a.BIRD)
		case a.APISIX != nil:
			out = b.apisix(a.APISIX)
		default:
			continue
		}
		out.Name, out.Roles = a.Kind(), a.Roles()
		b.Addons = append(b.Addons, out)
	}
}

// addonNames lists the addons that are, or are not, the CNI.
func addonNames(all []Addon, cni bool) string {
	var names []string
	for _, a := range all {
		if slices.Contains(a.Roles, scenario.RoleCNI) == cni {
			names = append(names, a.Name)
		}
	}
	return strings.Join(names, ", ")
}

// kernel lists the options that parts of the scenario have no use without.
func (b *builder) kernel() {
	need := func(when bool, option, what string) {
		if when {
			b.Kernel = append(b.Kernel, Need{Option: option, For: what})
		}
	}
	if c := b.spec.Cluster; c != nil {
		need(c.KubeProxy == scenario.KubeProxyIPVS, "IP_VS", "kubeProxy: ipvs")
		need(c.KubeProxy == scenario.KubeProxyIPVS, "DUMMY", "kubeProxy: ipvs")
	}
	for _, a := range b.spec.Addons {
		if k := a.KubeRouter; k != nil {
			need(k.ServiceProxy, "IP_VS", "kube-router's service proxy")
			need(k.ServiceProxy, "DUMMY", "kube-router's service proxy")
			need(k.Overlay, "NET_IPIP", "kube-router's overlay")
		}
		if c := a.Cilium; c != nil {
			need(c.Before(18), "MODULES", "Cilium before 1.18, which does not start without /proc/modules")
		}
		if c := a.Calico; c != nil {
			need(c.Encapsulation != "none", "NET_IPIP", "Calico's encapsulation "+c.Encapsulation)
		}
	}
}

// nodeSpeakerPeer is a router that nodes peer with, at its address on the cluster's network.
type nodeSpeakerPeer struct {
	name, address string
	asn           uint32
}

func (b *builder) nodePeers(names []string) []nodeSpeakerPeer {
	var all []nodeSpeakerPeer
	for _, name := range names {
		i := b.routerIndex(name)
		all = append(all, nodeSpeakerPeer{
			name:    name,
			address: at(b.network(b.clusterNetwork()).Subnet, routersAt+i).String(),
			asn:     b.spec.Routers[i].BGP.ASN,
		})
	}
	return all
}

// apiEnv tells a pod on the host's network where the API server is before anybody makes its ClusterIP work.
func (b *builder) apiEnv() []any {
	host, port := b.apiServer()
	return []any{
		map[string]any{"name": "KUBERNETES_SERVICE_HOST", "value": host},
		map[string]any{"name": "KUBERNETES_SERVICE_PORT", "value": strconv.Itoa(port)},
	}
}

// fromField is an environment variable that holds a field of its pod.
func fromField(name, path string) map[string]any {
	return map[string]any{"name": name, "valueFrom": map[string]any{"fieldRef": map[string]any{"fieldPath": path}}}
}

// everywhere tolerates every taint: what runs on each node from when it joins.
func everywhere() []any { return []any{map[string]any{"operator": "Exists"}} }

// named is an object with a namespace; an empty one is left out.
func named(api, kind, namespace, name string, rest map[string]any) string {
	meta := map[string]any{"name": name}
	if namespace != "" {
		meta["namespace"] = namespace
	}
	doc := map[string]any{"apiVersion": api, "kind": kind, "metadata": meta}
	for k, v := range rest {
		doc[k] = v
	}
	return toYAML(doc)
}

// rule is one rule of a role.
func rule(group, resources, verbs string) any {
	return map[string]any{"apiGroups": []any{group}, "resources": words(resources), "verbs": words(verbs)}
}

func words(text string) []any {
	var all []any
	for word := range strings.FieldsSeq(text) {
		all = append(all, word)
	}
	return all
}

// account is a ServiceAccount with what it may do in the whole cluster, and in its namespace alone.
func account(namespace, name string, cluster, local []any) []string {
	const rbac = "rbac.authorization.k8s.io"
	subjects := []any{map[string]any{"kind": "ServiceAccount", "name": name, "namespace": namespace}}
	docs := []string{named("v1", "ServiceAccount", namespace, name, nil)}
	if len(cluster) > 0 {
		full := namespace + "-" + name
		docs = append(docs, named(rbac+"/v1", "ClusterRole", "", full, map[string]any{"rules": cluster}),
			named(rbac+"/v1", "ClusterRoleBinding", "", full, map[string]any{
				"roleRef": map[string]any{"apiGroup": rbac, "kind": "ClusterRole", "name": full}, "subjects": subjects}))
	}
	if len(local) > 0 {
		docs = append(docs, named(rbac+"/v1", "Role", namespace, name, map[string]any{"rules": local}),
			named(rbac+"/v1", "RoleBinding", namespace, name, map[string]any{
				"roleRef": map[string]any{"apiGroup": rbac, "kind": "Role", "name": name}, "subjects": subjects}))
	}
	return docs
}

// podsOf is a DaemonSet or Deployment whose pods carry the label app: name.
func podsOf(kind, namespace, name string, pod map[string]any) string {
	spec := podsSpec(name, pod)
	if kind == "Deployment" {
		spec["replicas"] = 1
	}
	return named("apps/v1", kind, namespace, name, map[string]any{"spec": spec})
}

// daemonsAtOnce is a DaemonSet whose pods are all made anew at once when their template changes.
func daemonsAtOnce(namespace, name string, pod map[string]any) string {
	spec := podsSpec(name, pod)
	spec["updateStrategy"] = map[string]any{"rollingUpdate": map[string]any{"maxUnavailable": "100%"}}
	return named("apps/v1", "DaemonSet", namespace, name, map[string]any{"spec": spec})
}

func podsSpec(name string, pod map[string]any) map[string]any {
	labels := map[string]any{"app": name}
	return map[string]any{
		"selector": map[string]any{"matchLabels": labels},
		"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": pod},
	}
}

// hostPath is a volume and where a container sees it.
func hostPath(name, path, kind string) map[string]any {
	return map[string]any{"name": name, "hostPath": map[string]any{"path": path, "type": kind}}
}

func mount(name, path string) map[string]any { return map[string]any{"name": name, "mountPath": path} }
