package bgp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
)

// ask makes one connection from the client to port 80 of an address, and returns "answered" or the kind of failure.
func ask(ctx context.Context, l *labtest.Lab, at netip.Addr) string {
	GinkgoHelper()
	return askAt(ctx, l, netip.AddrPortFrom(at, 80))
}

// askAt is ask for any port.
func askAt(ctx context.Context, l *labtest.Lab, at netip.AddrPort) string {
	GinkgoHelper()
	from, err := l.Node("client")
	Expect(err).NotTo(HaveOccurred())
	shots, err := probe.Once(ctx, from, probe.Shots{Proto: record.HTTP, Targets: []netip.AddrPort{at}, Timeout: time.Second})
	Expect(err).NotTo(HaveOccurred())
	Expect(shots).To(HaveLen(1))
	if shots[0].Error != "" {
		return shots[0].Error
	}
	return "answered"
}

// sessionsWithin bounds the return of sessions: nodes try once a second, and a router that was refused waits before the
// router accepts the next connection.
var sessionsWithin = labtest.Patience(45 * time.Second)

// up waits until a router has established sessions with exactly these nodes.
func up(ctx context.Context, l *labtest.Lab, router string, nodes ...string) {
	GinkgoHelper()
	Eventually(ctx, l.Established).WithArguments(router).WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(ConsistOf(nodes), "sessions of %s", router)
}

// down waits until r2 has no session with any node, and expects no session for the next 4 s. Nodes try once a second.
func down(ctx context.Context, l *labtest.Lab) {
	GinkgoHelper()
	const router = "r2"
	up(ctx, l, router)
	Consistently(ctx, l.Established).WithArguments(router).WithTimeout(4*time.Second).WithPolling(labtest.Often).Should(BeEmpty(), "sessions of %s", router)
}

// neighbors reads an FRR router's state of all peers with the nodes' ASN into a type of the spec's own, by address.
func neighbors[T any](ctx context.Context, l *labtest.Lab, router string) (map[string]T, error) {
	n, err := l.Node(router)
	if err != nil {
		return nil, err
	}
	out, err := n.Exec(ctx, "vtysh", "-c", "show bgp neighbors json")
	if err != nil {
		return nil, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(out, &raw); err != nil {
		return nil, fmt.Errorf("%s: neighbours: %w; they begin %.80q", router, err, out)
	}
	byPeer := map[string]T{}
	for address, text := range raw {
		var of struct {
			ASN   uint32 `json:"remoteAs"`
			State string `json:"bgpState"`
		}
		if json.Unmarshal(text, &of) != nil || of.ASN != 64512 || of.State != "Established" {
			continue // not a peer, a router, or a peer without a node now
		}
		var t T
		if err := json.Unmarshal(text, &t); err != nil {
			return nil, fmt.Errorf("%s: neighbour %s: %w", router, address, err)
		}
		byPeer[address] = t
	}
	return byPeer, nil
}

// keepalives counts the keepalives that a router has received from each node.
func keepalives(ctx context.Context, l *labtest.Lab, router string) (map[string]int, error) {
	type stats struct {
		Messages struct {
			Keepalives int `json:"keepalivesRecv"`
		} `json:"messageStats"`
	}
	all, err := neighbors[stats](ctx, l, router)
	counts := map[string]int{}
	for peer, s := range all {
		counts[peer] = s.Messages.Keepalives
	}
	return counts, err
}

// localAddresses returns a router's own addresses in the sessions with nodes.
func localAddresses(ctx context.Context, l *labtest.Lab, router string) ([]string, error) {
	type local struct {
		Host string `json:"hostLocal"`
	}
	all, err := neighbors[local](ctx, l, router)
	var list []string
	for _, at := range all {
		list = append(list, at.Host)
	}
	slices.Sort(list)
	return list, err
}

// patience bounds an answer: the time of a busy machine, not of a packet.
var patience = labtest.Patience(5 * time.Second)

const (
	// flowFor is the length of a flow during which the ECMP set changes.
	flowFor = 6 * time.Second
	// maxLeave bounds a flow's loss when a node leaves. The node's speaker withdraws its routes, and the node forwards
	// packets still, so packets are lost only while the routers change the routes of their kernels.
	maxLeave = 300 * time.Millisecond
)
