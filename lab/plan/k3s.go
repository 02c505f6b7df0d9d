package plan

import (
	"fmt"
	"net/netip"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

// K3s is the plan of a cluster of provider k3s, without the plans of the nodes.
type K3s struct {
	// Datastore is the etcd with the servers' state.
	Datastore Datastore `json:"datastore"`
	// Registries is registries.yaml, the same on every node; empty without mirrors.
	Registries string `json:"registries,omitempty"`
	// Containerd is a drop-in of containerd's configuration; empty if this host needs no drop-in.
	Containerd string `json:"containerd,omitempty"`
	// Archives are images that every node finds as tar files, so the node pulls none of these images.
	Archives []Image `json:"archives"`
}

// Datastore is etcd in a separate container.
type Datastore struct {
	Name      string     `json:"name"`      // etcd
	Container string     `json:"container"` // skidpad-<lab>-etcd
	Image     Image      `json:"image"`
	Address   netip.Addr `json:"address"`
	Endpoint  string     `json:"endpoint"` // in the format of k3s
}

const (
	// datastoreAt is the datastore's place on the cluster's network: the last address below the nodes.
	datastoreAt = nodesAt - 1
	etcdPort    = 2379
	// K3sTokenFile is the file with the join token on every node. The token is made with the lab and is no part of a plan.
	K3sTokenFile = "/etc/rancher/k3s/skidpad-token" //nolint:gosec // a path
	// k3sAPIPort is the port of k3s's API balancer on each node's loopback (docs.k3s.io, agent: --lb-server-port).
	k3sAPIPort = 6444
	dnsAt      = 10 // the tenth address of the services' prefix, as in kubeadm and k3s
)

// k3s turns the cluster into a cluster of provider k3s: each node gets an address and a command line.
func (b *builder) k3s() {
	c, out := b.spec.Cluster, b.Cluster
	subnet := b.network(c.Network).Subnet
	k := &K3s{Registries: registries(c.K3s.Mirrors), Archives: out.Image.Preload}
	k.Datastore = Datastore{Name: "etcd", Container: b.name("etcd"), Image: Image{Name: "etcd"}, Address: at(subnet, datastoreAt)}
	k.Datastore.Endpoint = "http://" + netip.AddrPortFrom(k.Datastore.Address, etcdPort).String()
	if b.host.NoSysResource {
		// As with kind: without CAP_SYS_RESOURCE no process can lower an oom_score_adj.
		k.Containerd = "version = 3\n[plugins.'io.containerd.cri.v1.runtime']\n  restrict_oom_score_adj = true\n"
	}
	release := c.K3s.Release
	if release == "" {
		release = strings.TrimPrefix(c.Kubernetes, "v")
	}
	out.Image = Image{Name: "k3s", Version: release}
	for i := range out.Nodes {
		n := &out.Nodes[i]
		n.Address = at(subnet, nodesAt+i)
		if n.ControlPlane {
			n.Args = b.k3sServer(*n, k.Datastore.Endpoint)
		} else {
			n.Args = b.k3sAgent(*n, out.Nodes[0].Address)
		}
	}
	out.K3s = k
}

// k3sServer returns the command line of a server (https://docs.k3s.io/cli/server). Flannel, kube-proxy and the network
// policy controller are off, because Cilium does the same work and two controllers would conflict.
func (b *builder) k3sServer(n Node, datastore string) []string {
	c := b.spec.Cluster
	args := []string{
		"server",
		"--datastore-endpoint=" + datastore,
		"--cluster-cidr=" + c.PodCIDR.String(),
		"--service-cidr=" + c.ServiceCIDR.String(),
		"--cluster-dns=" + at(c.ServiceCIDR, dnsAt).String(),
		"--flannel-backend=none",
		"--disable-network-policy",
		"--disable-kube-proxy",
	}
	for _, name := range c.K3s.Disable {
		args = append(args, "--disable="+name)
	}
	return append(args, b.k3sNode(n)...)
}

// k3sAgent returns the command line of an agent (https://docs.k3s.io/cli/agent).
func (b *builder) k3sAgent(n Node, server netip.Addr) []string {
	return append([]string{"agent", fmt.Sprintf("--server=https://%s:6443", server)}, b.k3sNode(n)...)
}

// k3sNode returns the arguments of both servers and agents.
func (b *builder) k3sNode(n Node) []string {
	args := []string{
		"--token-file=" + K3sTokenFile,
		"--node-name=" + n.Name,
		"--node-ip=" + n.Address.String(),
		"--prefer-bundled-bin",
		// A lab lives on the host's disk, and often less than a twentieth of the disk is free. Without this setting k3s would
		// evict the lab's pods. kind has the same setting.
		"--kubelet-arg=eviction-hard=imagefs.available<0%,nodefs.available<0%",
	}
	if b.host.CgroupV1 {
		// Kubernetes 1.35 and later refuse cgroup v1 without this setting (KEP-5573).
		args = append(args, "--kubelet-arg=fail-cgroupv1=false")
	}
	return args
}

// registries returns /etc/rancher/k3s/registries.yaml (https://docs.k3s.io/installation/private-registry).
func registries(mirrors []scenario.Mirror) string {
	if len(mirrors) == 0 {
		return ""
	}
	all := map[string]any{}
	for _, m := range mirrors {
		all[m.Registry] = map[string]any{"endpoint": m.Endpoints}
	}
	return YAML(map[string]any{"mirrors": all})
}

func (p *Plan) k3sText(t *text) {
	k := p.Cluster.K3s
	t.table("DATASTORE\tCONTAINER\tENDPOINT")
	t.row(k.Datastore.Name, k.Datastore.Container, k.Datastore.Endpoint)
	t.table("IMAGES AS ARCHIVES")
	t.row(keys(k.Archives))
	for _, n := range p.Cluster.Nodes {
		t.document("k3s on "+n.Short, strings.Join(n.Args, "\n  ")+"\n")
	}
	if k.Registries != "" {
		t.document("registries.yaml", k.Registries)
	}
	if k.Containerd != "" {
		t.document("containerd's drop-in", k.Containerd)
	}
}
