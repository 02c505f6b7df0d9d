package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/wait"
)

// Reboot cuts the power of that node, waits for Down, and starts the node again. The node has its old address, and files in the
// container stay; processes, network settings of the kernel and files in memory are gone, as after a boot.
type Reboot struct {
	Node string `json:"reboot"`
	// Down is the time without power; default 10s.
	Down scenario.Duration `json:"down,omitempty" help:"time without power"`
}

// SetDefaults fills in Down.
func (f *Reboot) SetDefaults(*scenario.Spec) { scenario.Or(&f.Down, scenario.Duration(10*time.Second)) }

// About describes the fault.
func (*Reboot) About() About {
	return About{What: "a power cut and, after a time, a start, with the address it had", Whole: true}
}

// Heals reports that the node comes back.
func (*Reboot) Heals() string { return "a rebooted node is started by the fault" }

// Validate checks the node and the time, which an injection must outlast.
func (f *Reboot) Validate(v *scenario.Validation, path string) {
	anyNode(v, path+".reboot", f.Node)
	if f.Down > maxOff {
		v.Add(path+".down", "seen %s, want at most %s; a longer power cut is the fault kill with for", f.Down, maxOff)
	}
}

// maxOff leaves time for the start within the limit of a step.
const maxOff = scenario.Duration(time.Minute)

// String describes the fault.
func (f *Reboot) String() string { return words(f, "reboot "+f.Node) }

// Bound is the bound of a silent node with a backup. The return of any other node follows no timer.
func (f *Reboot) Bound(c Case) *bound.Bound {
	if _, guarded := c.backup(f.Node); guarded {
		return c.silent(f.Node)
	}
	return nil
}

func (f *Reboot) action(s spot) action { return &reboot{run{spot: s, end: (*run).kill}, f.Down.Std()} }

// reboot kills a container, waits, and starts the container again.
type reboot struct {
	run
	off time.Duration
}

func (r *reboot) apply(ctx context.Context, saved json.RawMessage) error {
	if err := r.run.apply(ctx, saved); err != nil {
		return err
	}
	if err := wait.Sleep(ctx, r.off); err != nil {
		return fmt.Errorf("container %s: without power: %w", r.at.container, err)
	}
	return r.undo(ctx, saved)
}
