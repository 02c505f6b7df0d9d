package check

import (
	"context"
	"errors"

	"skidpad.dev/skidpad/lab/capture"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// tapped judges the only result of a check by packets, until the result holds.
func tapped(ctx context.Context, within scenario.Duration, results []Result,
	look func(ctx context.Context) (held bool, observed string, err error)) {
	until(ctx, within.Std(), results, func(ctx context.Context, open []int) {
		held, observed, err := look(ctx)
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

// sightings are, by node, the connections with a packet on a link of the node.
type sightings map[string]map[capture.Connection]bool

// watched makes connections, and listens on the links of nodes meanwhile.
func watched(ctx context.Context, l Traffic, nodes []string, from node.Node, s probe.Shots) (sightings, []record.Shot, error) {
	if len(nodes) == 0 {
		shots, err := probe.Once(ctx, from, s)
		return sightings{}, shots, err
	}
	here, see := capture.Connections()
	var seen sightings
	var shots []record.Shot
	err := l.Listen(ctx, nodes[0], see, func() (err error) {
		seen, shots, err = watched(ctx, l, nodes[1:], from, s)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	seen[nodes[0]] = here
	return seen, shots, nil
}
