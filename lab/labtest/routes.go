package labtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/scenario"
)

// workloadSpec is a workload of a scenario.
type workloadSpec = scenario.Workload

// NextHops returns the nodes that a router forwards packets for an address to, by the kernel's route for exactly this
// address, or nothing without a route. For Eventually.
func (l *Lab) NextHops(ctx context.Context, router string, to netip.Prefix) ([]string, error) {
	r, err := l.Router(router)
	if err != nil {
		return nil, err
	}
	fib, err := r.FIB(ctx)
	if err != nil {
		return nil, err
	}
	route, ok := bgp.Find(fib, to)
	if !ok {
		return nil, nil
	}
	return l.names(ctx, route)
}

func (l *Lab) names(ctx context.Context, route bgp.Route) ([]string, error) {
	var nodes []live.ClusterNode
	if l.Plan.Cluster != nil {
		var err error
		if nodes, err = l.ClusterNodes(ctx); err != nil {
			return nil, err
		}
	}
	var names []string
	for _, h := range route.NextHops {
		name := h.Address.String()
		for _, n := range nodes {
			if slices.Contains(n.Addresses, h.Address) {
				name = n.Name
			}
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// AllNodes returns the names of the cluster's nodes.
func (l *Lab) AllNodes() []string {
	var names []string
	for _, n := range l.Plan.Cluster.Nodes {
		names = append(names, n.Short)
	}
	return names
}

// Nodes returns the nodes' addresses, by the scenario's names.
func (l *Lab) Nodes(ctx context.Context) map[string]netip.Addr {
	ginkgo.GinkgoHelper()
	nodes, err := l.ClusterNodes(ctx)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	byName := map[string]netip.Addr{}
	for _, n := range nodes {
		byName[n.Name] = n.Addresses[0]
	}
	return byName
}

// PodCIDRs returns the nodes' pod prefixes, by the scenario's names.
func (l *Lab) PodCIDRs(ctx context.Context) map[string]netip.Prefix {
	ginkgo.GinkgoHelper()
	list, err := l.Kube.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	byName := map[string]netip.Prefix{}
	for _, n := range list.Items {
		cidr, err := netip.ParsePrefix(n.Spec.PodCIDR)
		gomega.Expect(err).NotTo(gomega.HaveOccurred(), n.Name)
		byName[strings.TrimPrefix(n.Name, l.Plan.Cluster.Name+"-")] = cidr
	}
	return byName
}

// Path is a path to a prefix in FRR's form, with the attributes from peers.
type Path struct {
	ASPath struct {
		String string `json:"string"`
	} `json:"aspath"`
	Origin    string `json:"origin"`
	MED       int    `json:"metric"`
	LocalPref int    `json:"locPrf"`
	Community struct {
		String string `json:"string"`
	} `json:"community"`
	LargeCommunity struct {
		String string `json:"string"`
	} `json:"largeCommunity"`
	Valid    bool `json:"valid"`
	BestPath struct {
		Overall bool `json:"overall"`
	} `json:"bestpath"`
	// Originator and Clusters are the attributes added by route reflectors (RFC 4456, 8), empty without a reflector.
	Originator netip.Addr `json:"originatorId"`
	Clusters   struct {
		List []string `json:"list"`
	} `json:"clusterList"`
	Peer struct {
		ID       netip.Addr `json:"peerId"`
		RouterID netip.Addr `json:"routerId"`
		Type     string     `json:"type"` // external or internal
	} `json:"peer"`
}

// Paths returns all paths of an FRR router to a prefix. For Eventually.
func (l *Lab) Paths(ctx context.Context, router string, to netip.Prefix) ([]Path, error) {
	n, err := l.Node(router)
	if err != nil {
		return nil, err
	}
	family := "ipv4"
	if to.Addr().Is6() {
		family = "ipv6"
	}
	out, err := n.Exec(ctx, "vtysh", "-c", fmt.Sprintf("show bgp %s unicast %s json", family, to))
	if err != nil {
		return nil, err
	}
	var route struct {
		Paths []Path `json:"paths"`
	}
	if err := json.Unmarshal(out, &route); err != nil {
		return nil, fmt.Errorf("%s: route %s: %w; the output begins %.80q", router, to, err, out)
	}
	return route.Paths, nil
}

// HostPrefix returns an address' own prefix: /32, or /128 of IPv6.
func HostPrefix(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// Configure gives lines of configuration to an FRR router, and undoes the lines with undo when the spec ends.
func (l *Lab) Configure(ctx context.Context, router string, lines, undo []string) {
	ginkgo.GinkgoHelper()
	Undo(func(ctx ginkgo.SpecContext) { l.configure(ctx, router, undo) })
	l.configure(ctx, router, lines)
}

func (l *Lab) configure(ctx context.Context, router string, lines []string) {
	ginkgo.GinkgoHelper()
	n, err := l.Node(router)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	cmd := []string{"vtysh", "-c", "configure terminal"}
	for _, line := range lines {
		cmd = append(cmd, "-c", line)
	}
	out, err := n.Exec(ctx, cmd...)
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), string(out))
}

// SessionsWithNodes returns a router's sessions with the cluster's nodes, by node. For Eventually.
func (l *Lab) SessionsWithNodes(ctx context.Context, router string) (map[string]bgp.Session, error) {
	r, err := l.Router(router)
	if err != nil {
		return nil, err
	}
	all, err := r.Sessions(ctx)
	if err != nil {
		return nil, err
	}
	nodes, err := l.ClusterNodes(ctx)
	if err != nil {
		return nil, err
	}
	byNode := map[string]bgp.Session{}
	for _, s := range all {
		for _, n := range nodes {
			if slices.Contains(n.Addresses, s.Peer) {
				byNode[n.Name] = s
			}
		}
	}
	return byNode, nil
}

// Established returns the names of the nodes with an established session with a router. For Eventually.
func (l *Lab) Established(ctx context.Context, router string) ([]string, error) {
	sessions, err := l.SessionsWithNodes(ctx, router)
	var names []string
	for name, s := range sessions {
		if s.State == bgp.Established {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, err
}

// Often is the polling interval for conditions on a router.
const Often = 100 * time.Millisecond
