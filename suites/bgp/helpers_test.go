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

// ask makes one connection from the client to port 80 of an address: answered, or how it failed.
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

// sessionsWithin is how long sessions may take to come up again: nodes try once a second, and a router that was refused
// waits before it takes the next connection.
const sessionsWithin = 45 * time.Second

// up waits until a router has established sessions with exactly these nodes.
func up(ctx context.Context, l *labtest.Lab, router string, nodes ...string) {
	GinkgoHelper()
	Eventually(ctx, l.Established).WithArguments(router).WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(ConsistOf(nodes), "sessions of %s", router)
}

// down waits until r2 has no session with any node, and expects that none comes up for 4 s: nodes try once a second.
func down(ctx context.Context, l *labtest.Lab) {
	GinkgoHelper()
	const router = "r2"
	up(ctx, l, router)
	Consistently(ctx, l.Established).WithArguments(router).WithTimeout(4*time.Second).WithPolling(labtest.Often).Should(BeEmpty(), "sessions of %s", router)
}

// neighbors reads what an FRR router says of its peers of the nodes' ASN, into a type of the spec's own, by address.
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
			continue // not a peer, or a router, or one that is not there now
		}
		var t T
		if err := json.Unmarshal(text, &t); err != nil {
			return nil, fmt.Errorf("%s: neighbour %s: %w", router, address, err)
		}
		byPeer[address] = t
	}
	return byPeer, nil
}

// keepalives are how many keepalives a router has had from each node.
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

// localAddresses are the addresses at which a router has its sessions with nodes.
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

const (
	// patience is how long an answer may take: a busy machine's, not a packet's time.
	patience = 5 * time.Second
	// flowFor is how long a flow is sent while the ECMP set changes.
	flowFor = 6 * time.Second
	// maxLeave is what a flow may lose while a node leaves: its speaker withdraws its routes and goes on forwarding, so nothing but
	// the routers' change of their kernels' routes.
	maxLeave = 300 * time.Millisecond
)
