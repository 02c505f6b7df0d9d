package fault

import (
	"context"
	"encoding/json"
	"fmt"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/scenario"
)

// Restart stops and starts that node.
type Restart struct {
	Node string `json:"restart"`
	noDefaults
}

// Restarted returns a fault by which a node ends and starts again.
func Restarted(node string) scenario.Fault { return scenario.FaultOf(&Restart{Node: node}) }

// About describes the fault.
func (*Restart) About() About {
	return About{What: "stopped and started, with the address it had", Whole: true}
}

// Heals reports that the node comes back.
func (*Restart) Heals() string { return "a restarted node is started by the fault" }

// Validate checks the node.
func (f *Restart) Validate(v *scenario.Validation, path string) { anyNode(v, path+".restart", f.Node) }

// String describes the fault.
func (f *Restart) String() string { return words(f, "restart "+f.Node) }

// Bound is the bound of a gateway's member. The return of any other node follows no timer.
func (f *Restart) Bound(c Case) *bound.Bound {
	if _, guarded := c.backup(f.Node); guarded {
		return c.silent(f.Node)
	}
	return nil
}

func (f *Restart) action(s spot) action { return &restart{run{spot: s}} }

// restart stops a container and starts the container again at once.
type restart struct{ run }

func (r *restart) apply(ctx context.Context, saved json.RawMessage) error {
	have, err := r.in.inspect(ctx, r.at.container)
	if err != nil {
		return err
	}
	if have.State.Running {
		if err := r.stop(ctx); err != nil {
			return fmt.Errorf("container %s: %w", r.at.container, err)
		}
	}
	return r.undo(ctx, saved)
}
