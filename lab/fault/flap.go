package fault

import (
	"context"
	"fmt"
	"slices"
	"time"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/scenario"
)

// Flap takes the link to Network down and up, each for Interval. A node with one link needs no Network.
type Flap struct {
	Node string `json:"flap"`
	// Network is the network of the link.
	Network  string            `json:"network,omitempty"`
	Interval scenario.Duration `json:"interval" help:"length of a flap's down time, and of its up time"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*Flap) About() About {
	return About{What: "its link down and up, each for the interval", Driven: true}
}

// Validate checks the node and the network.
func (f *Flap) Validate(v *scenario.Validation, path string) {
	oneLink(v, path, "flap", f.Node, f.Network)
}

// String describes the fault.
func (f *Flap) String() string { return words(f, "flap "+f.Node) }

// Bound is the bound of a lost link, for each time that the link goes down. Without an end, no timer bounds the number.
func (f *Flap) Bound(c Case) *bound.Bound {
	b := c.cut(f.Node)
	if b == nil || f.For == 0 || f.Interval <= 0 || c.Clear {
		return nil
	}
	return ref(bound.Times(1+int(f.For/(2*f.Interval)), *b))
}

func (f *Flap) action(s spot) action {
	return &flap{link{spot: s, network: f.Network}, f.Interval.Std()}
}

// flap takes a link down and up in turns.
type flap struct {
	link
	interval time.Duration
}

// drive starts with the link down, after apply.
func (f *flap) drive(ctx context.Context) error {
	tick := time.NewTicker(f.interval)
	defer tick.Stop()
	for up := true; ; up = !up {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := f.turn(ctx, up); err != nil && ctx.Err() == nil {
			return fmt.Errorf("fault %s: %w", f.of, err)
		}
	}
}

// turn changes the link once. While another fault holds the link down, the link stays down.
func (f *flap) turn(ctx context.Context, up bool) error {
	release, err := f.in.store.lock(ctx, f.hold())
	if err != nil {
		return err
	}
	defer release()
	others, err := f.in.store.others(f.hold(), f.id)
	if err != nil {
		return err
	}
	if !up || slices.ContainsFunc(others, func(r *record) bool { return !r.Fault.about().Driven }) {
		return ignoreGone(f.apply(ctx, nil))
	}
	own, err := f.in.store.read(f.id)
	if err != nil {
		return err
	}
	return f.undo(ctx, own.Saved)
}
