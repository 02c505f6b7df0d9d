package l2_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/addon/cilium"
	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/probe"
)

const (
	// carryingOut is the allowance for a takeover beyond the lease's times, as in the scenario's own check.
	carryingOut = time.Second
	// killedFor is the length of the flows during which the node is killed: twice the bound.
	killedFor = 12 * time.Second
)

// leaseLost bounds the outage after a lease holder's death by the lab's times.
func leaseLost(l *labtest.Lab) bound.Bound {
	GinkgoHelper()
	announcer := addon.AnnouncerOf(&l.Plan.Scenario.Spec)
	Expect(announcer).NotTo(BeNil(), "lab bug: no L2 announcements")
	return announcer.AnnouncerLost(len(l.Plan.Cluster.Nodes))
}

// answerers returns the nodes of the pods that answered a flow, in the order of their first answers.
func answerers(l *labtest.Lab, r probe.Result) []string {
	all := slices.SortedFunc(slices.Values(r.AnsweredBy), func(a, b probe.AnsweredBy) int { return a.First.Compare(b.First) })
	var nodes []string
	for _, a := range all {
		nodes = append(nodes, strings.TrimPrefix(a.Node, l.Plan.Cluster.Name+"-"))
	}
	return nodes
}

var _ = Describe("When the node that announces addresses is killed,", Label("l2", "cilium", "lease", "failover", "node"), Ordered, Serial, func() {
	var (
		l            *labtest.Lab
		by, heir     string // the node, and the other worker's MAC
		vip, alone   netip.Addr
		shared, only probe.Result // flows to an address with both workers as candidates, and to an address with this node alone
		limit        time.Duration
	)

	// macs returns the MACs that answer the client's ARP requests. A dead node cannot report its own MAC.
	macs := func(ctx SpecContext, at netip.Addr) ([]string, error) {
		client, err := l.Node("client")
		if err != nil {
			return nil, err
		}
		return probe.Neighbours(ctx, client, "fabric", at, 2)
	}

	BeforeAll(func(ctx SpecContext) {
		l = labtest.Open(ctx, "cilium-l2")
		vip, by = address(ctx, l, "echo"), held(ctx, l)
		heir = mac(ctx, l, other(by))
		lost := leaseLost(l)
		limit = lost.Max + carryingOut
		l.Patch(ctx, cilium.L2Policy, labtest.Planned, `{"spec": {"serviceSelector": {"matchExpressions": [{"key": "alone", "operator": "DoesNotExist"}]}}}`)
		l.Object(ctx, cilium.L2Policy, "CiliumL2AnnouncementPolicy", "alone", nil, map[string]any{
			"loadBalancerIPs": true, "interfaces": []any{"^eth[0-9]+$"},
			"nodeSelector":    map[string]any{"matchLabels": map[string]any{"kubernetes.io/hostname": l.Plan.Cluster.Name + "-" + by}},
			"serviceSelector": map[string]any{"matchLabels": map[string]any{"alone": "yes"}},
		})
		l.Service(ctx, "alone", "echo", func(s *corev1.Service) {
			s.Labels["alone"] = "yes"
			s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
			labtest.NoNodePorts(s)
		})
		alone = address(ctx, l, "alone")
		announcedBy(ctx, l, alone, by)
		announcedBy(ctx, l, vip, by)

		faults, err := fault.On(l.Lab, nil)
		Expect(err).NotTo(HaveOccurred())
		flows := []*labtest.Running{}
		for _, at := range []netip.Addr{vip, alone} {
			Eventually(ctx, func() string { return ask(ctx, l, at, 80) }).WithTimeout(within).WithPolling(often).Should(Equal("answered"))
			flows = append(flows, l.Probe(ctx, "client", netip.AddrPortFrom(at, 80).String(), 200, killedFor))
		}
		kill, err := faults.Inject(ctx, &fault.Kill{Node: by})
		Expect(err).NotTo(HaveOccurred())
		labtest.Undo(func(ctx SpecContext) { Expect(kill.Clear(ctx)).To(Succeed()) })
		shared, only = flows[0].Wait(ctx)[0], flows[1].Wait(ctx)[0]
		labtest.Tell(by+", the lease's holder, killed", fmt.Sprintf("at most %v: %s, and %v for the takeover", limit, lost, carryingOut),
			fmt.Sprintf("out for %v; without another candidate for %v", labtest.Outage(shared), labtest.Outage(only)))
	})

	It("another node takes the lease, and a flow to the address goes on within the bound of the lease's times", func(ctx SpecContext) {
		Expect(holder(ctx, l, "echo")).To(Equal(other(by)))
		Expect(macs(ctx, vip)).To(ConsistOf(heir))
		Expect(answerers(l, shared)).To(Equal([]string{by, other(by)}), "nodes of the answering pods, in order")
		Expect(shared).To(labtest.LoseAtMost(limit))
	})

	It("a flow to an address without another candidate ends, and no node answers ARP for the address (negative control)", Label("negative-control"), func(ctx SpecContext) {
		// The spec does not ask for the answering pod: now and then the other node answers a datagram although no MAC
		// answers ARP any more.
		Expect(macs(ctx, alone)).To(BeEmpty())
		Expect(only).NotTo(labtest.LoseAtMost(limit))
	})
})
