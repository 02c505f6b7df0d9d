package capture

import (
	"context"
	"errors"
	"fmt"
	"io"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
)

// Where selects the place of a manual capture: one network's bridge, one node's links, or, with neither, every
// bridge.
type Where struct {
	Network string
	Node    string
}

// Counted holds a source's counts in a recording.
type Counted struct {
	Source  string `json:"source"` // fabric, r1-fabric
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`   // on the wire
	Dropped uint64 `json:"dropped"` // by the kernel, because this process was too slow
}

// sourcesAt finds the selected sources; the error names the available sources.
func sourcesAt(p *plan.Plan, w Where) ([]source, error) {
	switch {
	case w.Network != "" && w.Node != "":
		return nil, errors.New("capture: a network and a node are named; choose one")
	case w.Node != "":
		if all := linksOf(p, w.Node); len(all) > 0 {
			return all, nil
		}
		if _, why := p.Beyond(w.Node); why != "" {
			return nil, fmt.Errorf("capture: %s", why)
		}
		return nil, fmt.Errorf("capture: lab %s has no node %q; see `skidpad status`", p.Lab, w.Node)
	case w.Network != "":
		var names []string
		for _, s := range append(bridges(p), vlans(p)...) {
			if s.name == w.Network {
				return []source{s}, nil
			}
			names = append(names, s.name)
		}
		return nil, fmt.Errorf("capture: lab %s has no network %q; it has: %v", p.Lab, w.Network, names)
	}
	return bridges(p), nil
}

// Record writes packets to w as pcapng on arrival, until ctx ends. The end of ctx is no error. Record calls
// ready, if set, when every socket listens. Packets are whole unless o.SnapLen is set.
func Record(ctx context.Context, e *docker.Engine, p *plan.Plan, at Where, o Options, w io.Writer, ready func()) ([]Counted, error) {
	sources, err := sourcesAt(p, at)
	if err != nil {
		return nil, err
	}
	if o.SnapLen <= 0 {
		o.SnapLen = wholePackets
	}
	far, err := agent.Of(ctx, e, p.Lab)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	if far != nil {
		return recordFar(ctx, far, order{At: at, Options: o}, w, ready)
	}
	return recordHere(ctx, e, p, sources, o, w, ready)
}

// wholePackets is larger than any packet, including packets merged by the kernel (GRO).
const wholePackets = 256 << 10
