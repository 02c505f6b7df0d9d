package existing

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

const (
	labelRole = "io.x-k8s.kind.role" // control-plane, worker or external-load-balancer
	adminConf = "/etc/kubernetes/admin.conf"
	// ownPrefix precedes the names of skidpad's own kind clusters.
	ownPrefix = "skidpad-"
	// labelControlPlane marks a node of the control plane (kubernetes.io/docs/reference/labels-annotations-taints).
	labelControlPlane = "node-role.kubernetes.io/control-plane"
)

// Look connects to the cluster that a scenario names, and returns the facts about the cluster without its programs. Look
// changes nothing.
func Look(ctx context.Context, e *docker.Engine, c *scenario.Cluster) (*plan.Found, *cluster.Kube, error) {
	raw, err := kubeconfig(ctx, e, c, true)
	if err != nil {
		return nil, nil, err
	}
	kube, err := connect(ctx, c, raw)
	if err != nil {
		return nil, nil, err
	}
	if err := Rights(ctx, kube, c.Running()); err != nil {
		return nil, nil, err
	}
	f := &plan.Found{Name: c.Kind}
	if c.Kind == "" {
		if f.Name, err = contextOf(raw); err != nil {
			return nil, nil, err
		}
	}
	nodes, err := kube.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: nodes: %w", c.Running(), err)
	}
	if len(nodes.Items) == 0 {
		return nil, nil, fmt.Errorf("%s: seen no node, want at least one", c.Running())
	}
	all := ordered(nodes.Items)
	for _, n := range all {
		f.Nodes = append(f.Nodes, foundNode(n))
	}
	if f.Network, f.Why, err = network(ctx, e, all); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", c.Running(), err)
	}
	if f.Facts, err = facts(ctx, kube, all); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", c.Running(), err)
	}
	f.Taken = []netip.Prefix{f.Facts.PodCIDR, f.Facts.ServiceCIDR, f.Facts.PodCIDR6, f.Facts.ServiceCIDR6}
	if f.Network != nil {
		if err := inside(ctx, e, f); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", c.Running(), err)
		}
	}
	f.Taken = slices.DeleteFunc(f.Taken, func(p netip.Prefix) bool { return !p.IsValid() })
	return f, kube, nil
}

// kubeconfig returns the administrator's kubeconfig of a kind cluster, for use on the host, or the user's file. whole: every
// node must run. A fault stops nodes later.
func kubeconfig(ctx context.Context, e *docker.Engine, c *scenario.Cluster, whole bool) ([]byte, error) {
	if c.Kubeconfig != "" {
		config, err := clientcmd.LoadFromFile(c.Kubeconfig)
		if err == nil {
			err = clientcmdapi.FlattenConfig(config) // certificates in files of their own
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w; want a kubeconfig file that this user may read", c.Running(), err)
		}
		return clientcmd.Write(*config)
	}
	if strings.HasPrefix(c.Kind, ownPrefix) {
		return nil, fmt.Errorf("%s: seen a cluster of skidpad's own, want a cluster that no lab has made", c.Running())
	}
	list, err := e.Client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", docker.LabelKindCluster)})
	if err != nil {
		return nil, fmt.Errorf("%s: listing its nodes: %w", c.Running(), err)
	}
	first, err := controlPlane(c, list.Items, whole)
	if err != nil {
		return nil, err
	}
	raw, err := e.Node(first, node.KindCluster, first).Exec(ctx, "cat", adminConf)
	if err != nil {
		return nil, fmt.Errorf("%s: administrator's kubeconfig: %w", c.Running(), err)
	}
	at := first
	if i := slices.IndexFunc(list.Items, func(s container.Summary) bool {
		return s.Labels[docker.LabelKindCluster] == c.Kind && s.Labels[labelRole] == "external-load-balancer"
	}); i >= 0 {
		at = nameOf(list.Items[i])
	}
	address, err := cluster.Published(ctx, e, at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Running(), err)
	}
	return cluster.External(raw, "kind-"+c.Kind, address)
}

// controlPlane returns the name of the first running control-plane node of a kind cluster. whole: every node must run.
func controlPlane(c *scenario.Cluster, all []container.Summary, whole bool) (string, error) {
	var first string
	var others []string
	for _, s := range all {
		name := s.Labels[docker.LabelKindCluster]
		if name != c.Kind {
			if !strings.HasPrefix(name, ownPrefix) && !slices.Contains(others, name) {
				others = append(others, name)
			}
			continue
		}
		if s.State != container.StateRunning && !whole {
			continue
		}
		if s.State != container.StateRunning {
			return "", fmt.Errorf("%s: seen node %s %s, want all nodes to run (`docker start %[2]s`)", c.Running(), nameOf(s), s.State)
		}
		if n := nameOf(s); s.Labels[labelRole] == "control-plane" && (first == "" || len(n) < len(first)) {
			first = n
		}
	}
	if first != "" {
		return first, nil
	}
	slices.Sort(others)
	there := "the engine has no cluster of kind"
	if len(others) > 0 {
		there = "the engine has: " + strings.Join(others, ", ")
	}
	return "", fmt.Errorf("%s: seen no control-plane node, want a running cluster; %s (`kind get clusters`)", c.Running(), there)
}

func nameOf(s container.Summary) string { return strings.TrimPrefix(s.Names[0], "/") }

func contextOf(raw []byte) (string, error) {
	config, err := clientcmd.Load(raw)
	if err != nil {
		return "", fmt.Errorf("kubeconfig: %w", err)
	}
	return config.CurrentContext, nil
}

func connect(ctx context.Context, c *scenario.Cluster, raw []byte) (*cluster.Kube, error) {
	kube, err := cluster.Connect(raw, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Running(), err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if _, err := kube.Client.Discovery().RESTClient().Get().AbsPath("/version").DoRaw(ctx); err != nil {
		return nil, fmt.Errorf("%s: its API at %s does not answer: %w", c.Running(), kube.Config.Host, err)
	}
	return kube, nil
}

// ordered returns the nodes in the order of the scenario's names: control plane first, then by name, worker2 before worker10.
func ordered(nodes []corev1.Node) []corev1.Node {
	slices.SortFunc(nodes, func(a, b corev1.Node) int {
		if x, y := isControlPlane(a), isControlPlane(b); x != y {
			if x {
				return -1
			}
			return 1
		}
		if len(a.Name) != len(b.Name) {
			return len(a.Name) - len(b.Name)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return nodes
}

func isControlPlane(n corev1.Node) bool { _, ok := n.Labels[labelControlPlane]; return ok }

func foundNode(n corev1.Node) plan.FoundNode {
	out := plan.FoundNode{Name: n.Name, ControlPlane: isControlPlane(n)}
	for _, a := range n.Status.Addresses {
		ip, err := netip.ParseAddr(a.Address)
		switch {
		case err != nil || a.Type != corev1.NodeInternalIP:
		case ip.Is4() && !out.Address.IsValid():
			out.Address = ip
		case ip.Is6() && !out.Address6.IsValid():
			out.Address6 = ip
		}
	}
	return out
}

// network returns the bridge network of the engine on which all nodes have their addresses, or the reason why there is none.
func network(ctx context.Context, e *docker.Engine, nodes []corev1.Node) (*plan.FoundNetwork, string, error) {
	name := ""
	for _, n := range nodes {
		seen, err := e.Client.ContainerInspect(ctx, n.Name, client.ContainerInspectOptions{})
		if errdefs.IsNotFound(err) {
			return nil, fmt.Sprintf("node %s, which is no container of this engine", n.Name), nil
		}
		if err != nil {
			return nil, "", fmt.Errorf("node %s: %w", n.Name, err)
		}
		want := foundNode(n)
		on := networkAt(seen.Container.NetworkSettings, want)
		switch {
		case on == "":
			return nil, fmt.Sprintf("a container %s without the node's address %s: another cluster of the same name", n.Name, want.Address), nil
		case name == "":
			name = on
		case name != on:
			return nil, fmt.Sprintf("nodes on several networks (%s and %s)", name, on), nil
		}
		out, err := e.Node(n.Name, node.KindCluster, n.Name).Exec(ctx, "cat", "/etc/machine-id")
		if id := strings.TrimSpace(string(out)); err == nil && id != "" && n.Status.NodeInfo.MachineID != "" && id != n.Status.NodeInfo.MachineID {
			return nil, fmt.Sprintf("a container %s with another machine ID than the node: another cluster of the same name", n.Name), nil
		}
	}
	return bridge(ctx, e, name)
}

// networkAt returns the network on which a container has a node's address, or "".
func networkAt(settings *container.NetworkSettings, want plan.FoundNode) string {
	if settings == nil {
		return ""
	}
	for name, ep := range settings.Networks {
		if ep != nil && (want.Address.IsValid() && ep.IPAddress == want.Address || want.Address6.IsValid() && ep.GlobalIPv6Address == want.Address6) {
			return name
		}
	}
	return ""
}

// bridge returns a network with its prefixes and the holders of addresses, or the reason why routers cannot join.
func bridge(ctx context.Context, e *docker.Engine, name string) (*plan.FoundNetwork, string, error) {
	seen, err := e.Client.NetworkInspect(ctx, name, client.NetworkInspectOptions{})
	if err != nil {
		return nil, "", fmt.Errorf("network %s: %w", name, err)
	}
	have := seen.Network
	if have.Driver != "bridge" {
		return nil, fmt.Sprintf("nodes on network %s of driver %s", name, have.Driver), nil
	}
	out := &plan.FoundNetwork{Docker: name, Bridge: have.Options["com.docker.network.bridge.name"]}
	if out.Bridge == "" {
		out.Bridge = "br-" + have.ID[:12]
	}
	for _, c := range have.IPAM.Config {
		switch {
		case c.Subnet.Addr().Is4() && !out.Subnet.IsValid():
			out.Subnet, out.Host = c.Subnet.Masked(), c.Gateway
		case c.Subnet.Addr().Is6() && !out.Subnet6.IsValid():
			out.Subnet6, out.Host6 = c.Subnet.Masked(), c.Gateway
		}
	}
	if !out.Subnet.IsValid() {
		return nil, fmt.Sprintf("network %s without an IPv4 prefix", name), nil
	}
	out.Holders = append(out.Holders, out.Host)
	for _, c := range have.Containers {
		out.Holders = append(out.Holders, c.IPv4Address.Addr())
	}
	out.Holders = slices.DeleteFunc(out.Holders, func(a netip.Addr) bool { return !a.Is4() })
	slices.SortFunc(out.Holders, netip.Addr.Compare)
	return out, "", nil
}

// inside adds the facts that only commands in the nodes show: routes, and the images of skidpad's own that a node has already.
func inside(ctx context.Context, e *docker.Engine, f *plan.Found) error {
	for i, n := range f.Nodes {
		h := e.Node(n.Name, node.KindCluster, n.Name)
		table, err := h.Exec(ctx, "cat", "/proc/net/route")
		if err != nil {
			return fmt.Errorf("node %s: routes: %w", n.Name, err)
		}
		for _, p := range routesIn(table) {
			if p.Bits() > 0 && p != f.Network.Subnet && !slices.Contains(f.Taken, p) {
				f.Taken = append(f.Taken, p)
			}
		}
		out, err := h.Exec(ctx, "ctr", "--namespace=k8s.io", "images", "list", "--quiet")
		if err != nil {
			return fmt.Errorf("node %s: images: %w", n.Name, err)
		}
		for line := range strings.Lines(string(out)) {
			if name := strings.TrimSpace(line); strings.HasPrefix(name, build.Domain+"/") {
				f.Nodes[i].Images = append(f.Nodes[i].Images, name)
			}
		}
	}
	return nil
}

// routesIn reads /proc/net/route (proc(5)): the second field is the destination, the eighth is the mask, in host order.
func routesIn(table []byte) []netip.Prefix {
	var all []netip.Prefix
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 {
			continue
		}
		to, err1 := hex.DecodeString(fields[1])
		mask, err2 := hex.DecodeString(fields[7])
		if errors.Join(err1, err2) != nil || len(to) != 4 || len(mask) != 4 {
			continue // the heading
		}
		var a [4]byte
		binary.LittleEndian.PutUint32(a[:], binary.BigEndian.Uint32(to))
		bits := 0
		for m := binary.BigEndian.Uint32(mask); m != 0; m &= m - 1 {
			bits++
		}
		all = append(all, netip.PrefixFrom(netip.AddrFrom4(a), bits))
	}
	return all
}
