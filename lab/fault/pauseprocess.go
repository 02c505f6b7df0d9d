package fault

import (
	"context"
	"encoding/json"
	"fmt"

	"skidpad.dev/skidpad/lab/bound"
	apiend "skidpad.dev/skidpad/lab/cluster/endpoint"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// PauseProcess sends SIGSTOP to Process on that node: the process stays and answers nobody.
type PauseProcess struct {
	Node string `json:"pauseProcess"`
	// Process is a program's name: bgpd, keepalived, cilium-agent …
	Process string `json:"process"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*PauseProcess) About() About { return About{What: "SIGSTOP to a process"} }

// Validate checks the node.
func (f *PauseProcess) Validate(v *scenario.Validation, path string) {
	anyNode(v, path+".pauseProcess", f.Node)
}

// String describes the fault.
func (f *PauseProcess) String() string {
	return words(f, fmt.Sprintf("pause %s on %s", f.Process, f.Node), "process")
}

// Bound is the bound of a gateway's member. A stopped routing process leaves the kernel's routes in place.
func (f *PauseProcess) Bound(c Case) *bound.Bound {
	if f.Process != apiend.Keepalived {
		return nil
	}
	return c.withoutProcess(f.Node)
}

// APIBound is the bound of a control plane without the process.
func (f *PauseProcess) APIBound(p *plan.Plan) *bound.Bound { return apiWithout(p, f.Node, f.Process) }

func (f *PauseProcess) action(s spot) action { return &pauseProcess{process{spot: s, name: f.Process}} }

// pauseProcess stops the processes of a name. The undo of process lets the stopped processes go on.
type pauseProcess struct{ process }

func (p *pauseProcess) apply(ctx context.Context, _ json.RawMessage) error {
	pids, err := p.find(ctx)
	if err != nil {
		return err
	}
	return signal(pids, sigStop)
}
