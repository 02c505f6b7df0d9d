package reachability_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/time/rate"
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
	// announcedWithin bounds the time from the services' creation to the last announcement.
	announcedWithin = 60 * time.Second
)

// table is the lab with the matrix' services.
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
	told    map[matrix.From]*rate.Limiter
}

// prepared has the tables of this process by lab. A lab that is brought up again needs a new table.
var prepared = map[*labtest.Lab]*table{}

// open returns the table, and creates the services at the first call.
func open(ctx context.Context) *table {
	GinkgoHelper()
	l := labtest.Look(ctx, matrixLab)
	if t := prepared[l]; t != nil {
		return t
	}
	t := &table{Lab: l, seen: map[batch]map[netip.AddrPort][]record.Shot{}, told: map[matrix.From]*rate.Limiter{}}
	t.findPod(ctx)
	Expect(l.Kube.Apply(ctx, matrix.Manifests(t.selected())...)).To(Succeed())
	near, err := l.Node("near")
	Expect(err).NotTo(HaveOccurred())
	for _, p := range matrix.OnLink() {
		_, err := near.Exec(ctx, "ip", "route", "replace", p.String(), "dev", "fabric")
		Expect(err).NotTo(HaveOccurred())
	}
	t.findSenders(ctx)
	Eventually(ctx, t.readServices).WithTimeout(labtest.Patience(announcedWithin)).WithPolling(200 * time.Millisecond).Should(Succeed())
	Eventually(ctx, t.announced).WithTimeout(labtest.Patience(announcedWithin)).WithPolling(500 * time.Millisecond).Should(Succeed())
	prepared[l] = t
	return t
}

// findPod finds the only pod behind the services, and the nodes without this pod.
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
	for _, from := range matrix.Froms() {
		t.told[from] = rate.NewLimiter(rate.Every(tellEvery), tellBurst)
	}
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

// readServices reads the services' addresses and ports from the cluster.
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

// addresses returns a variant's addresses of one kind, of each family, in order.
func addresses(of func(matrix.Family) netip.Addr) []netip.Addr {
	var all []netip.Addr
	for _, f := range matrix.Families() {
		all = append(all, of(f))
	}
	return all
}

// ingress returns the LoadBalancer addresses of a service, in order.
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

// announced returns an error for the first announced address without a path to the pod. announced probes by TCP; the
// cells judge the source address seen by the pod.
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

// target returns the target of a cell's connections.
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
