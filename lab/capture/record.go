package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

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
		return nil, fmt.Errorf("capture: lab %s has no node %q; see `skidpad status`", p.Lab, w.Node)
	case w.Network != "":
		var names []string
		for _, s := range bridges(p) {
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
	f, err := newFile(w, sources, o.SnapLen, "skidpad capture of lab "+p.Lab)
	if err != nil {
		return nil, fmt.Errorf("capture: writing: %w", err)
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	c := counter{by: map[string]*Counted{}}
	t, err := openTap(ctx, e, p, sources, o, func(source string, pk packet) {
		c.add(source, pk)
		if err := f.write(source, pk); err != nil {
			fail(fmt.Errorf("capture: writing: %w", err))
		}
	})
	if err != nil {
		return nil, err
	}
	if ready != nil {
		ready()
	}
	flushed(ctx, f)
	err = t.close()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		err = errors.Join(err, cause)
	}
	stats := t.stats()
	return c.all(sources, stats), errors.Join(err, f.end(stats))
}

// wholePackets is larger than any packet, including packets merged by the kernel (GRO).
const wholePackets = 256 << 10

// flushed flushes the file regularly until ctx ends, so a reader at the other end of a pipe stays up to date.
func flushed(ctx context.Context, f *file) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = f.flush() // the next write fails as well, and reports the error
		}
	}
}

// counter counts packets by source.
type counter struct {
	mu sync.Mutex
	by map[string]*Counted
}

func (c *counter) add(source string, p packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.by[source]
	if n == nil {
		n = &Counted{Source: source}
		c.by[source] = n
	}
	n.Packets++
	n.Bytes += uint64(p.length)
}

func (c *counter) all(sources []source, stats map[string]counts) []Counted {
	var all []Counted
	for _, s := range sources {
		n := Counted{Source: s.name}
		if seen := c.by[s.name]; seen != nil {
			n = *seen
		}
		n.Dropped = stats[s.name].dropped
		all = append(all, n)
	}
	return all
}
