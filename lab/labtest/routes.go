package labtest

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/scenario"
)

// workloadSpec is a workload of a scenario.
type workloadSpec = scenario.Workload

// NextHops returns the nodes that a router forwards packets for an address to, by the kernel's route for exactly this
// address, or nothing without a route. For Eventually.
func (l *Lab) NextHops(ctx context.Context, name string, to netip.Prefix) ([]string, error) {
	r, err := l.Router(name)
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
		byName[l.Plan.Cluster.Short(n.Name)] = cidr
	}
	return byName
}

// Paths returns all paths of a router to a prefix. For Eventually.
func (l *Lab) Paths(ctx context.Context, name string, to netip.Prefix) ([]bgp.Path, error) {
	r, err := l.Router(name)
	if err != nil {
		return nil, err
	}
	return router.Paths(ctx, r, to)
}

// HostPrefix returns an address' own prefix: /32, or /128 of IPv6.
func HostPrefix(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// Configure gives lines of configuration to a router, and undoes the lines with undo when the spec ends.
func (l *Lab) Configure(ctx context.Context, name string, lines, undo []string) {
	ginkgo.GinkgoHelper()
	configure := func(ctx context.Context, lines []string) {
		r, err := l.Router(name)
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		to, ok := r.(router.Configurer)
		gomega.Expect(ok).To(gomega.BeTrue(), "the software of router %s takes no lines of configuration", name)
		gomega.Expect(to.Configure(ctx, lines)).To(gomega.Succeed())
	}
	Undo(func(ctx ginkgo.SpecContext) { configure(ctx, undo) })
	configure(ctx, lines)
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
