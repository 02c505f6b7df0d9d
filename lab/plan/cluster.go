package plan

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab/scenario"
)

// RackLabel is the label of a Kubernetes node with the network of the node's rack.
const RackLabel = "skidpad.dev/rack"

func (b *builder) cluster() {
	c := b.spec.Cluster
	if c == nil {
		return
	}
	if c.Provider == scenario.ProviderExisting {
		b.existing()
		return
	}
	name := "skidpad-" + b.Lab
	image := Image{Name: "node", Version: c.Kubernetes}
	for _, a := range b.Addons {
		if !a.Optional {
			image.Preload = appendNew(image.Preload, a.Images...)
		}
	}
	for _, w := range b.spec.Workloads {
		if w.Echo != nil {
			image.Preload = appendNew(image.Preload, Image{Name: "echo"})
			break
		}
	}
	if b.Manifests != nil {
		image.Preload = appendNew(image.Preload, b.Manifests.Images...)
	}
	endpoint := b.endpoint()
	if endpoint != nil {
		image.Preload = append(image.Preload, endpoint.Image)
	}
	out := &Cluster{
		Name:        name,
		Provider:    c.Provider,
		Network:     c.Network,
		Image:       image,
		PodCIDR:     cmp.Or(c.PodCIDR, c.PodCIDR6),
		ServiceCIDR: cmp.Or(c.ServiceCIDR, c.ServiceCIDR6),
		Routes:      b.nodeRoutes(),
		APIEndpoint: endpoint,
		Mounts:      b.mounts,
	}
	for _, short := range b.spec.NodeNames() {
		n := Node{
			Name:         name + "-" + short,
			Short:        short,
			ControlPlane: strings.HasPrefix(short, "control-plane"),
			Later:        slices.Contains(c.JoinLater, short),
		}
		if rack := c.RackOf(short); rack != nil {
			n.Network = rack.Network
			via, _ := b.routerAddress(rack.Router, rack.Network)
			n.Routes = []Route{{To: netip.PrefixFrom(netip.IPv4Unspecified(), 0), Via: via}}
		}
		b.nodeSettings(&n, len(out.Nodes))
		out.Nodes = append(out.Nodes, n)
	}
	b.Cluster = out
	if c.Provider == scenario.ProviderK3s {
		b.k3s()
		return
	}
	out.KindConfig = b.kindConfig()
}

// kindConfig writes kind's v1alpha4 configuration. For kubeProxyMode none, kind itself skips kubeadm's kube-proxy phase.
// Settings that depend on the node image come later, when the image is known.
func (b *builder) kindConfig() string {
	c := b.spec.Cluster
	// kind's configuration has further control-plane nodes as workers. With several control planes, kind adds its own
	// balancer, and not every machine can have the balancer's image.
	nodes := make([]map[string]any, 0, len(b.Cluster.Nodes))
	for i, n := range b.Cluster.Nodes {
		node := map[string]any{"role": "worker"}
		if i == 0 {
			node["role"] = "control-plane"
		}
		if n.Network != "" {
			node["labels"] = map[string]any{RackLabel: n.Network}
		}
		nodes = append(nodes, node)
	}
	config := map[string]any{
		"kind":       "Cluster",
		"apiVersion": "kind.x-k8s.io/v1alpha4",
		"name":       b.Cluster.Name,
		"networking": map[string]any{
			"apiServerAddress":  "127.0.0.1", // on the host, for every IP family; kind would take ::1 for ipv6
			"disableDefaultCNI": true,
			"ipFamily":          string(c.IPFamily),
			"kubeProxyMode":     string(c.KubeProxy),
			"podSubnet":         listed(c.PodCIDR, c.PodCIDR6),
			"serviceSubnet":     listed(c.ServiceCIDR, c.ServiceCIDR6),
		},
		"nodes": nodes,
	}
	if b.host.CgroupV1 {
		// Kubernetes 1.35 and later refuse cgroup v1 without this setting (KEP-5573).
		config["kubeadmConfigPatches"] = []string{"kind: KubeletConfiguration\nfailCgroupV1: false\n"}
	}
	config["containerdConfigPatches"] = containerdPatches(b.host.NoSysResource)
	return YAML(config)
}

// containerdPatches returns patches for both versions of containerd's configuration. kind applies only the patch for the
// node image's version. Since 2.3, containerd asks every container's shim once a second for the container's processor
// time (stats_collect_period). Nothing in a lab reads these values, and on an idle lab the queries took a sixth of the
// processor time in use. Older versions of containerd warn about the unknown key. Lowering the oom_score_adj of a
// process needs CAP_SYS_RESOURCE; with restricted, containerd does not try.
func containerdPatches(restricted bool) []string {
	var cri2, cri3 string
	if restricted {
		cri2 = "[plugins.\"io.containerd.grpc.v1.cri\"]\n  restrict_oom_score_adj = true\n"
		cri3 = "  restrict_oom_score_adj = true\n"
	}
	runtime := "[plugins.\"io.containerd.cri.v1.runtime\"]\n  stats_collect_period = \"1m\"\n"
	return []string{"version = 2\n" + cri2 + runtime, "version = 3\n" + runtime + cri3}
}

// listed spells the prefix of each IP family of the cluster, IPv4 first, in kubeadm's format.
func listed(v4, v6 netip.Prefix) string {
	var all []string
	for _, p := range []netip.Prefix{v4, v6} {
		if p.IsValid() {
			all = append(all, p.String())
		}
	}
	return strings.Join(all, ",")
}

// YAML writes a value of maps, lists and scalars, with sorted keys. Writing such a value never fails.
func YAML(v any) string {
	data, err := yaml.Marshal(v)
	if err != nil {
		panic("lab bug: " + err.Error())
	}
	return string(data)
}
