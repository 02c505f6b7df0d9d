package bgp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/addon/cilium"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/timeline"
)

// away is the label of the nodes without BGP.
const away = "skidpad.dev/away"

// speakers limits BGP to the nodes without the label away.
func speakers(ctx SpecContext, l *labtest.Lab) {
	GinkgoHelper()
	l.Patch(ctx, cilium.BGPCluster, labtest.Planned, `{"spec": {"nodeSelector": {"matchExpressions": [{"key": "skidpad.dev/away", "operator": "DoesNotExist"}]}}}`)
}

// way is a flow's node before another node left the ECMP set, and after.
type way struct{ before, after string }

func (w way) moved() bool { return w.before != w.after }

func moved(w way) bool { return w.moved() }

func from(node string) func(way) bool { return func(w way) bool { return w.before == node } }

func not[T any](is func(T) bool) func(T) bool { return func(t T) bool { return !is(t) } }

func only[T any](all []T, are func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(all), not(are))
}

func share(all []way, are func(way) bool) float64 {
	return float64(len(only(all, are))) / float64(len(all))
}

func ways(before, after []string) []way {
	all := make([]way, len(before))
	for i := range all {
		all[i] = way{before[i], after[i]}
	}
	return all
}

// ports returns the source ports of enough flows to tell shares apart: the standard deviation of a half is 1%.
func ports() []uint16 {
	var all []uint16
	for p := uint16(11000); p < 14000; p++ {
		all = append(all, p)
	}
	return all
}

// hop is a next hop in iproute2's JSON, in a route or alone.
type hop struct {
	Gateway netip.Addr `json:"gateway"`
	Dev     string     `json:"dev"`
	Hops    []hop      `json:"nexthops"`
}

// carrier is the observed router: the holder of the gateway, so the client's packets pass this router.
const carrier = "r1"

// ip queries carrier's kernel by iproute2; the commands have the form of `ip -batch`.
func ip(ctx context.Context, l *labtest.Lab, commands []byte) []hop {
	GinkgoHelper()
	n, err := l.Node(carrier)
	Expect(err).NotTo(HaveOccurred())
	out, err := n.ExecInput(ctx, commands, "ip", "-j", "-batch", "-")
	Expect(err).NotTo(HaveOccurred())
	var all []hop
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var answer []hop
		if err := dec.Decode(&answer); errors.Is(err, io.EOF) {
			return all
		} else {
			Expect(err).NotTo(HaveOccurred())
		}
		all = append(all, answer...)
	}
}

// named returns the nodes with these addresses.
func named(ctx context.Context, l *labtest.Lab, all []hop) []string {
	GinkgoHelper()
	names := map[netip.Addr]string{}
	for name, at := range l.Nodes(ctx) {
		names[at] = name
	}
	list := make([]string, len(all))
	for i, h := range all {
		list[i] = names[h.Gateway]
	}
	return list
}

// hops returns the nodes of carrier's route to an address, in the kernel's order.
func hops(ctx context.Context, l *labtest.Lab, to netip.Addr) []string {
	GinkgoHelper()
	routes := ip(ctx, l, fmt.Appendf(nil, "route show %s\n", to))
	Expect(routes).To(HaveLen(1))
	return named(ctx, l, routes[0].Hops)
}

// chosen returns, for each source port, carrier's node for the client's connection to port 80 of an address.
func chosen(ctx context.Context, l *labtest.Lab, to netip.Addr, ports []uint16) []string {
	GinkgoHelper()
	client := l.Plan.Clients[0].Network.Address
	back := ip(ctx, l, fmt.Appendf(nil, "route get %s\n", client))
	Expect(back).To(HaveLen(1))
	var ask bytes.Buffer
	for _, p := range ports {
		fmt.Fprintf(&ask, "route get %s from %s iif %s ipproto tcp sport %d dport 80\n", to, client, back[0].Dev, p)
	}
	all := ip(ctx, l, ask.Bytes())
	Expect(all).To(HaveLen(len(ports)))
	return named(ctx, l, all)
}

// connection is a TCP connection that the client keeps to a service while a node leaves.
type connection struct {
	nodes  []string // carrier's next hops over the connection's life, in order
	port   uint16   // the client's
	pods   []string // the answering pods, in order
	errors []string // of requests without an answer, or with an answer on another connection; each once in a row
}

func (c connection) moved() bool { return len(c.nodes) > 1 }

func (c connection) broken() bool { return len(c.errors) > 0 || len(c.pods) != 1 }

const (
	// perService is the number of connections to each service.
	perService = 32
	// goOn is the life of connections after the node has left. A connection without an answer within patient is broken.
	goOn, patient = 4 * time.Second, 3 * time.Second
)

// keeping is a set of open connections.
type keeping struct {
	l        *labtest.Lab
	running  *probe.Running
	services []string
	nodes    [][]string // carrier's next hops over time, by flow

	mu    sync.Mutex
	ports []uint16 // the client's, by flow; 0 until the first answer
	sent  []int64  // time of the last finished request
}

// keep opens connections from the client to services, and returns when each connection has an answer. Carrier's routes are the
// same from before the first packet on: after a return of a node, zebra may put equal paths into another order once more.
func keep(ctx context.Context, l *labtest.Lab, services ...string) *keeping {
	GinkgoHelper()
	var k *keeping
	Eventually(ctx, func(g Gomega) {
		k = &keeping{l: l, services: services}
		before := k.routes(ctx)
		k.open(ctx)
		if after := k.routes(ctx); !reflect.DeepEqual(before, after) {
			_, err := k.running.Stop(ctx)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(after).To(Equal(before), "carrier's routes while connections were opened")
		}
	}).WithTimeout(changeWithin).WithPolling(labtest.Often).Should(Succeed())
	return k
}

// routes returns the nodes of carrier's route to each service, in the kernel's order.
func (k *keeping) routes(ctx context.Context) [][]string {
	GinkgoHelper()
	var all [][]string
	for _, s := range k.services {
		all = append(all, hops(ctx, k.l, k.at(ctx, s)))
	}
	return all
}

// open starts the flows, and returns when each connection has an answer.
func (k *keeping) open(ctx context.Context) {
	GinkgoHelper()
	var targets []netip.AddrPort
	for _, s := range k.services {
		targets = append(targets, slices.Repeat([]netip.AddrPort{netip.AddrPortFrom(k.at(ctx, s), 80)}, perService)...)
	}
	k.ports, k.sent, k.nodes = make([]uint16, len(targets)), make([]int64, len(targets)), make([][]string, len(targets))
	client, err := k.l.Node("client")
	Expect(err).NotTo(HaveOccurred())
	k.running, err = probe.Start(ctx, client, probe.Flow{Proto: record.HTTPKept, Targets: targets, Rate: 4, Timeout: patient, Live: k.take})
	Expect(err).NotTo(HaveOccurred())
	Eventually(ctx, k.opened).WithTimeout(changeWithin).WithPolling(labtest.Often).ShouldNot(ContainElement(uint16(0)), "source ports of connections")
	k.look(ctx)
}

// look adds carrier's present next hop of each connection.
func (k *keeping) look(ctx context.Context) {
	GinkgoHelper()
	all := k.opened()
	for i, s := range k.services {
		for j, node := range chosen(ctx, k.l, k.at(ctx, s), all[i*perService:(i+1)*perService]) {
			if flow := &k.nodes[i*perService+j]; len(*flow) == 0 || (*flow)[len(*flow)-1] != node {
				*flow = append(*flow, node)
			}
		}
	}
}

// until waits until carrier has routes by exactly these nodes, and follows the connections' next hops meanwhile.
func (k *keeping) until(ctx context.Context, nodes ...string) {
	GinkgoHelper()
	Eventually(ctx, func() [][]string { k.look(ctx); return k.routes(ctx) }).WithTimeout(changeWithin).WithPolling(labtest.Often).Should(HaveEach(ConsistOf(nodes)))
}

func (k *keeping) at(ctx context.Context, service string) netip.Addr {
	GinkgoHelper()
	at, err := k.l.Ingress(ctx, service)
	Expect(err).NotTo(HaveOccurred())
	return at
}

// take records the end of a request.
func (k *keeping) take(line record.Line) {
	a := line.Attempt
	if a == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sent[a.Flow] = max(k.sent[a.Flow], a.Sent)
	if k.ports[a.Flow] == 0 {
		k.ports[a.Flow] = clientPort(*a)
	}
}

// clientPort returns the source port seen by the pod, or 0 without an answer.
func clientPort(a record.Attempt) uint16 {
	if a.Answer == nil {
		return 0
	}
	at, _ := netip.ParseAddrPort(a.Answer.Client)
	return at.Port()
}

func (k *keeping) opened() []uint16 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.ports)
}

// oldest returns the smallest time of a last finished request among all connections.
func (k *keeping) oldest() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Min(k.sent)
}

// end lets the connections go on for a while, closes them, and returns the connections by service.
func (k *keeping) end(ctx context.Context) map[string][]connection {
	GinkgoHelper()
	until := timeline.Now() + int64(goOn)
	Eventually(ctx, func() int64 { k.look(ctx); return k.oldest() }).WithTimeout(changeWithin).WithPolling(labtest.Often).Should(BeNumerically(">=", until))
	rec, err := k.running.Stop(ctx)
	Expect(err).NotTo(HaveOccurred())
	ports, all := k.opened(), map[string][]connection{}
	for i, s := range k.services {
		for flow := i * perService; flow < (i+1)*perService; flow++ {
			all[s] = append(all[s], judged(connection{nodes: k.nodes[flow], port: ports[flow]}, rec.Of(flow)))
		}
		AddReportEntry(s, fmt.Sprintf("%d connections, %d moved, %d of those broken", perService, len(only(all[s], connection.moved)),
			len(only(only(all[s], connection.moved), connection.broken))), ReportEntryVisibilityFailureOrVerbose)
	}
	return all
}

// judged adds the pods and errors of its requests to a connection.
func judged(c connection, requests []record.Attempt) connection {
	for _, r := range requests {
		switch port := clientPort(r); {
		case r.Answer == nil:
			c.errors = append(c.errors, r.Error)
		case port != c.port:
			c.errors = append(c.errors, fmt.Sprintf("a new connection, from port %d", port))
		case !slices.Contains(c.pods, r.Answer.Pod):
			c.pods = append(c.pods, r.Answer.Pod)
		}
	}
	c.errors = slices.Compact(c.errors)
	return c
}
