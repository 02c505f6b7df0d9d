package fault

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Pause freezes all processes of that node. The kernel goes on forwarding.
type Pause struct {
	Node string `json:"pause"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*Pause) About() About {
	return About{What: "all processes frozen; the kernel goes on forwarding", Whole: true}
}

// Validate checks the node.
func (f *Pause) Validate(v *scenario.Validation, path string) { anyNode(v, path+".pause", f.Node) }

// String describes the fault.
func (f *Pause) String() string { return words(f, "pause "+f.Node) }

// Bound is the bound of a silent node.
func (f *Pause) Bound(c Case) *bound.Bound { return c.silent(f.Node) }

// APIBound is the bound of a silent control plane.
func (f *Pause) APIBound(p *plan.Plan) *bound.Bound { return apiSilent(p, f.Node) }

func (f *Pause) action(s spot) action { return &pause{run{spot: s}} }

// pause freezes a container.
type pause struct{ run }

// apply freezes the container and the containers in its namespaces: the keepalived of a frozen router would go on alone.
func (p *pause) apply(ctx context.Context, _ json.RawMessage) error {
	have, err := p.in.inspect(ctx, p.at.container)
	if err != nil {
		return err
	}
	if !have.State.Running {
		return fmt.Errorf("container %s: %w", p.at.container, errGone)
	}
	for _, name := range append([]string{p.at.container}, p.at.riders...) {
		have, err := p.in.inspect(ctx, name)
		if err != nil || have.State.Paused || !have.State.Running {
			if name == p.at.container && err != nil {
				return err
			}
			continue
		}
		if _, err := p.in.engine.Client.ContainerPause(ctx, name, client.ContainerPauseOptions{}); err != nil {
			return fmt.Errorf("container %s: %w", name, err)
		}
	}
	return nil
}
