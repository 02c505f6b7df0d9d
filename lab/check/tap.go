package check

import (
	"context"
	"errors"
	"net/netip"
	"sync"

	"skidpad.dev/skidpad/lab/capture"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// Wiretap is a lab with access to the packets on its networks.
type Wiretap interface {
	// Listen gives the beginning of each packet on a node's links to see, one at a time, while do runs.
	Listen(ctx context.Context, node string, see func(frame []byte), do func() error) error
}

// tapped judges the only result of a check by packets, until the result holds.
func tapped(ctx context.Context, l Lab, within scenario.Duration, results []Result,
	look func(ctx context.Context, tap Wiretap) (held bool, observed string, err error)) {
	tap, ok := l.(Wiretap)
	if !ok {
		cannotLook(results, indices(results), errors.New("lab bug: its packets cannot be looked at"))
		return
	}
	until(ctx, within.Std(), results, func(ctx context.Context, open []int) {
		held, observed, err := look(ctx, tap)
		switch {
		case errors.Is(err, capture.ErrNotPermitted):
			results[0].Verdict, results[0].Observed = Skipped, err.Error()
		case err != nil:
			cannotLook(results, open, err)
		default:
			results[0].outcome(held, observed)
		}
	})
}

// connection is a connection to an address, by the source port.
type connection struct {
	to   netip.Addr
	port uint16
}

// sightings are, by node, the connections with a packet on a link of the node.
type sightings map[string]map[connection]bool

// watched makes connections, and listens on the links of nodes meanwhile.
func watched(ctx context.Context, tap Wiretap, nodes []string, from node.Node, s probe.Shots) (sightings, []record.Shot, error) {
	if len(nodes) == 0 {
		shots, err := probe.Once(ctx, from, s)
		return sightings{}, shots, err
	}
	var mu sync.Mutex // each link has a goroutine of its own
	here := map[connection]bool{}
	see := func(frame []byte) {
		if p, ok := capture.Unwrap(frame); ok {
			mu.Lock()
			defer mu.Unlock()
			here[connection{p.Dst, p.SrcPort}] = true
		}
	}
	var seen sightings
	var shots []record.Shot
	err := tap.Listen(ctx, nodes[0], see, func() (err error) {
		seen, shots, err = watched(ctx, tap, nodes[1:], from, s)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	seen[nodes[0]] = here
	return seen, shots, nil
}
