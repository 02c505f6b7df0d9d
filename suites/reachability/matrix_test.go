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

	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/matrix"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

const (
	// attempts is the number of connections for a cell, in sequence, each from another port and so via a path of its
	// own.
	attempts = 8
	// tellEvery and tellBurst are a kernel's limit for ICMP errors to a sender without a route: five at once, and then
	// one a second (Linux, net.ipv4.route.error_burst and error_cost). Beyond the limit a sender gets no error and
	// waits in vain.
	tellEvery = time.Second
	tellBurst = 5
)

// patience bounds an answer: the time of a busy machine, not of a packet.
var patience = labtest.Patience(5 * time.Second)

// batch is a set of cells for one run of the prober, all at the same time: a run for each cell would cost more than its
// packets.
type batch struct {
	from   matrix.From
	family matrix.Family
	proto  record.Proto
	wait   time.Duration
	alone  matrix.Cell // the only cell; zero for a batch of many
}

// batchOf returns the batch of a cell. A cell with an expected ICMP error is alone in its batch, because kernels limit
// errors.
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
	if b.alone != (matrix.Cell{}) {
		if err := t.told[b.from].Wait(ctx); err != nil {
			return nil, err
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
		"an answer to the sender's own address if a node translates addresses": {Source: matrix.Own},
		"an answer to a node's address if no node translates addresses":        {Source: matrix.Asked},
		"a refusal if a pod answers":                                           {Failure: matrix.Refused},
		"unreachability if a pod answers":                                      {Failure: matrix.Unreachable},
		"an answer if no pod must answer":                                      {Source: matrix.OwnOrNode},
	}
	cells := map[string]matrix.Cell{
		"an answer to the sender's own address if a node translates addresses": nodePort(matrix.Cluster, matrix.SNAT),
		"an answer to a node's address if no node translates addresses":        nodePort(matrix.Cluster, matrix.DSR),
		"a refusal if a pod answers":                                           nodePort(matrix.Cluster, matrix.DSR),
		"unreachability if a pod answers":                                      nodePort(matrix.Cluster, matrix.SNAT),
		"an answer if no pod must answer":                                      nodePort(matrix.Local, matrix.DSR),
	}
	for _, text := range slices.Sorted(maps.Keys(wrong)) {
		It("a cell does not pass as "+text+" (negative control)", Label("negative-control", "reachability", "matrix"), func(ctx SpecContext) {
			_, err := open(ctx).try(ctx, cells[text], wrong[text])
			Expect(err).To(HaveOccurred())
		})
	}
})

// nodePort is the cell of a client beyond the router that connects to the node without the pod.
func nodePort(external matrix.Policy, mode matrix.Mode) matrix.Cell {
	return matrix.Cell{To: scenario.TargetNodePort, From: matrix.Beyond, External: external, Internal: matrix.Cluster, Mode: mode,
		Announce: matrix.BGP, Entry: matrix.AtOther, Family: matrix.IPv4, Proto: record.HTTP}
}
