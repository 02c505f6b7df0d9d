package reachability_test

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/matrix"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

const (
	matrixLab = "cilium-matrix"
	// attempts are made one after the other for a cell, each from a port and so by a path of its own.
	attempts = 8
	// patience is how long an answer may take: a busy machine's, not a packet's time.
	patience = 5 * time.Second
	// announcedWithin is how long the services may take from their creation to their last announcement.
	announcedWithin = 60 * time.Second
)

// table is the lab with the matrix' services in it.
type table struct {
	*labtest.Lab
	place   matrix.Place
	podIPs  []netip.Addr
	ports   probe.Ports // where the pod answers
	podNode string      // the worker with the pod
	other   string      // the worker without
	senders map[matrix.From]node.Node
	nodes   map[matrix.Variant]probe.Ports  // node ports
	cluster map[matrix.Variant][]netip.Addr // ClusterIPs
	seen    map[batch]map[netip.AddrPort][]record.Shot
}

// batch are the cells that one run of the prober asks about, all of them at the same time: a run for each cell would cost more
// than its packets.
type batch struct {
	from   matrix.From
	family matrix.Family
	proto  record.Proto
	wait   time.Duration
	alone  matrix.Cell // the only cell; zero for a batch of many
}

// batchOf is the batch of a cell. One whose sender is to be told something is asked about alone: kernels send a host six ICMP
// errors at once, and then one a second (icmp_ratelimit).
func batchOf(c matrix.Cell) batch {
	b := batch{from: c.From, family: c.Family, proto: c.Proto, wait: patience}
	switch c.Expected().Failure {
	case matrix.Unanswered:
		b.wait = time.Second
	case matrix.Unreachable, matrix.Refused:
		b.alone = c
	}
	return b
}

// prepared are the tables of this process, by the lab that they were made in: one that is brought up anew needs them anew.
var prepared = map[*labtest.Lab]*table{}

// open returns the table, whose services are made the first time.
func open(ctx context.Context) *table {
	GinkgoHelper()
	l := labtest.Look(ctx, matrixLab)
	if t := prepared[l]; t != nil {
		return t
	}
	t := &table{Lab: l, seen: map[batch]map[netip.AddrPort][]record.Shot{}}
	t.findPod(ctx)
	Expect(l.Kube.Apply(ctx, matrix.Manifests(t.selected())...)).To(Succeed())
	near, err := l.Node("near")
	Expect(err).NotTo(HaveOccurred())
	for _, p := range matrix.OnLink() {
		_, err := near.Exec(ctx, "ip", "route", "replace", p.String(), "dev", "fabric")
		Expect(err).NotTo(HaveOccurred())
	}
	t.findSenders(ctx)
	Eventually(ctx, t.readServices).WithTimeout(announcedWithin).WithPolling(200 * time.Millisecond).Should(Succeed())
	Eventually(ctx, t.announced).WithTimeout(announcedWithin).WithPolling(500 * time.Millisecond).Should(Succeed())
	prepared[l] = t
	return t
}

// findPod finds the only pod behind the services, and which nodes are without it.
func (t *table) findPod(ctx context.Context) {
	e, err := t.Endpoints(ctx, "target")
	Expect(err).NotTo(HaveOccurred())
	Expect(e.Pods).To(HaveLen(1))
	pod := e.Pods[0]
	t.podIPs, t.ports, t.podNode = pod.IPs, e.PodPort, pod.Node
	t.place = matrix.Place{Pod: pod.Name, PodNode: t.long(pod.Node), Nodes: map[string][]netip.Addr{}}
	for _, n := range e.Nodes {
		t.place.Nodes[t.long(n.Name)] = n.Addresses
	}
	for _, n := range t.Plan.Cluster.Nodes {
		if !n.ControlPlane && n.Short != pod.Node {
			t.other = n.Short
		}
	}
}

func (t *table) long(short string) string { return t.Plan.Cluster.Name + "-" + short }

func (t *table) selected() matrix.Selected {
	return matrix.Selected{Workload: "target", Announcer: t.long(t.other), PodNode: t.place.PodNode}
}

func (t *table) findSenders(ctx context.Context) {
	e, err := t.Endpoints(ctx, "sender")
	Expect(err).NotTo(HaveOccurred())
	t.senders = map[matrix.From]node.Node{}
	for from, name := range map[matrix.From]string{matrix.Beyond: "beyond", matrix.Near: "near", matrix.NodeWith: t.place.PodNode, matrix.NodeWithout: "control-plane"} {
		t.senders[from], err = t.Node(name)
		Expect(err).NotTo(HaveOccurred())
	}
	for _, p := range e.Pods {
		from := matrix.PodWithout
		if t.long(p.Node) == t.place.PodNode {
			from = matrix.PodWith
		}
		t.senders[from] = t.InPod(ctx, p.Name, p.Node)
	}
	Expect(t.senders).To(HaveLen(len(matrix.Froms())), "a sender on each worker")
}

// readServices reads the addresses and ports that the cluster gave to the services.
func (t *table) readServices(ctx context.Context) error {
	t.nodes, t.cluster = map[matrix.Variant]probe.Ports{}, map[matrix.Variant][]netip.Addr{}
	for _, v := range matrix.Variants() {
		s, err := t.Kube.Client.CoreV1().Services("default").Get(ctx, v.Name(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		if given := ingress(s); !slices.Equal(given, addresses(v.LoadBalancerIP)) {
			return fmt.Errorf("service %s: its LoadBalancer addresses are %v, wanted are %v: %v", v.Name(), given, addresses(v.LoadBalancerIP), s.Status.Conditions)
		}
		for _, ip := range s.Spec.ClusterIPs {
			t.cluster[v] = append(t.cluster[v], netip.MustParseAddr(ip))
		}
		t.nodes[v] = probe.Ports{TCP: uint16(s.Spec.Ports[0].NodePort), UDP: uint16(s.Spec.Ports[1].NodePort)}
	}
	return nil
}

// addresses are a variant's addresses of one kind, of each family, in order.
func addresses(of func(matrix.Family) netip.Addr) []netip.Addr {
	var all []netip.Addr
	for _, f := range matrix.Families() {
		all = append(all, of(f))
	}
	return all
}

// ingress are the LoadBalancer addresses that a service was given, in order.
func ingress(s *corev1.Service) []netip.Addr {
	var all []netip.Addr
	for _, in := range s.Status.LoadBalancer.Ingress {
		if a, err := netip.ParseAddr(in.IP); err == nil {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return all
}

// announced reports which of the addresses that are to be announced does not lead to the pod yet. It asks by TCP; whose
// address the pod sees then is for the cells.
func (t *table) announced(ctx context.Context) error {
	for from, announce := range map[matrix.From]matrix.Announce{matrix.Beyond: matrix.BGP, matrix.Near: matrix.L2} {
		var at []netip.AddrPort
		for _, v := range matrix.Variants() {
			if v.Announce == announce {
				for _, a := range append(addresses(v.LoadBalancerIP), addresses(v.ExternalIP)...) {
					at = append(at, netip.AddrPortFrom(a, 80))
				}
			}
		}
		shots, err := probe.Once(ctx, t.senders[from], probe.Shots{Proto: record.TCP, Targets: at})
		if err != nil {
			return err
		}
		for _, s := range shots {
			if s.Error != "" {
				return fmt.Errorf("%s, at %s: %s", from, s.Target, s.Error)
			}
		}
	}
	return nil
}

// target is where a cell's connections go.
func (t *table) target(c matrix.Cell) netip.AddrPort {
	v, port := c.Variant(), uint16(80)
	switch c.To {
	case scenario.TargetPod:
		return netip.AddrPortFrom(c.Family.Of(t.podIPs)[0], t.ports.Of(c.Proto))
	case scenario.TargetClusterIP:
		return netip.AddrPortFrom(c.Family.Of(t.cluster[v])[0], port)
	case scenario.TargetExternalIP:
		return netip.AddrPortFrom(v.ExternalIP(c.Family), port)
	case scenario.TargetLoadBalancer:
		return netip.AddrPortFrom(v.LoadBalancerIP(c.Family), port)
	}
	asked := t.place.PodNode
	if c.Entry == matrix.AtOther {
		asked = t.long(t.other)
	}
	return netip.AddrPortFrom(c.Family.Of(t.place.Nodes[asked])[0], t.nodes[v].Of(c.Proto))
}

// try judges the connections of a cell by an outcome.
func (t *table) try(ctx context.Context, c matrix.Cell, wanted matrix.Outcome) (seen string, err error) {
	b := batchOf(c)
	if t.seen[b] == nil {
		if t.seen[b], err = t.ask(ctx, b); err != nil {
			return "", err
		}
	}
	place := t.place
	place.Asked = t.long(t.other)
	return wanted.Judge(place, t.seen[b][t.target(c)])
}

// ask makes the connections of all cells of a batch.
func (t *table) ask(ctx context.Context, b batch) (map[netip.AddrPort][]record.Shot, error) {
	var targets []netip.AddrPort
	for _, c := range matrix.Cells() {
		if batchOf(c) == b {
			targets = append(targets, t.target(c))
		}
	}
	shots, err := probe.Once(ctx, t.senders[b.from], probe.Shots{Proto: b.proto, Targets: targets, Times: attempts, Timeout: b.wait})
	if err != nil {
		return nil, err
	}
	seen := map[netip.AddrPort][]record.Shot{}
	for _, s := range shots {
		at, err := netip.ParseAddrPort(s.Target)
		if err != nil {
			return nil, fmt.Errorf("lab bug: the prober names a target %q: %w", s.Target, err)
		}
		seen[at] = append(seen[at], s)
	}
	return seen, nil
}

var _ = Describe("In the matrix,", Label("cilium"), func() {
	for _, c := range matrix.Cells() {
		It(c.String(), Label(c.Labels()...), func(ctx SpecContext) {
			seen, err := open(ctx).try(ctx, c, c.Expected())
			AddReportEntry(matrix.EntryName, matrix.NewVerdict(c, seen, err == nil), ReportEntryVisibilityNever)
			Expect(err).NotTo(HaveOccurred())
		})
	}

	wrong := map[string]matrix.Outcome{
		"as its own where a node translates":    {Source: matrix.Own},
		"as a node's where none translates":     {Source: matrix.Asked},
		"as refused where a pod answers":        {Failure: matrix.Refused},
		"as unreachable where a pod answers":    {Failure: matrix.Unreachable},
		"as answered where nobody is to answer": {Source: matrix.OwnOrNode},
	}
	cells := map[string]matrix.Cell{
		"as its own where a node translates":    nodePort(matrix.Cluster, matrix.SNAT),
		"as a node's where none translates":     nodePort(matrix.Cluster, matrix.DSR),
		"as refused where a pod answers":        nodePort(matrix.Cluster, matrix.DSR),
		"as unreachable where a pod answers":    nodePort(matrix.Cluster, matrix.SNAT),
		"as answered where nobody is to answer": nodePort(matrix.Local, matrix.DSR),
	}
	for _, text := range slices.Sorted(maps.Keys(wrong)) {
		It("a cell does not pass for one "+text+" (negative control)", Label("negative-control", "reachability", "matrix"), func(ctx SpecContext) {
			_, err := open(ctx).try(ctx, cells[text], wrong[text])
			Expect(err).To(HaveOccurred())
		})
	}
})

// nodePort is the cell of a client beyond the router that asks a node without the pod.
func nodePort(external matrix.Policy, mode matrix.Mode) matrix.Cell {
	return matrix.Cell{To: scenario.TargetNodePort, From: matrix.Beyond, External: external, Internal: matrix.Cluster, Mode: mode,
		Announce: matrix.BGP, Entry: matrix.AtOther, Family: matrix.IPv4, Proto: record.HTTP}
}
