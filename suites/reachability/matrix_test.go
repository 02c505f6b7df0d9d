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

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/matrix"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

const (
	// attempts are made one after the other for a cell, each from a port and so by a path of its own.
	attempts = 8
	// patience is how long an answer may take: a busy machine's, not a packet's time.
	patience = 5 * time.Second
	// tellEvery and tellBurst are how fast a kernel tells a sender that it has no way for its packets: five times at once, and then
	// once a second (Linux, net.ipv4.route.error_burst and error_cost). Who is told nothing waits in vain.
	tellEvery = time.Second
	tellBurst = 5
)

// batch are the cells that one run of the prober asks about, all of them at the same time: a run for each cell would cost more
// than its packets.
type batch struct {
	from   matrix.From
	family matrix.Family
	proto  record.Proto
	wait   time.Duration
	alone  matrix.Cell // the only cell; zero for a batch of many
}

// batchOf is the batch of a cell. One whose sender is to be told something is asked about alone, as fast as kernels tell.
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
