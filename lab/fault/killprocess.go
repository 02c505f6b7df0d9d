package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"syscall"
	"time"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// KillProcess kills Process on that node, or, with `nodes`, on every node of the cluster at once.
type KillProcess struct {
	Node string `json:"killProcess"`
	// Process is a program's name: bgpd, keepalived, cilium-agent …
	Process string `json:"process" help:"the program: bgpd, zebra, bfdd, keepalived, cilium-agent, kubelet …"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*KillProcess) About() About {
	return About{What: "SIGKILL to a process; its supervisor, if any, starts it again"}
}

// Heals reports that the process comes back.
func (*KillProcess) Heals() string { return "a killed process is started again by what watches it" }

// Validate checks the node.
func (f *KillProcess) Validate(v *scenario.Validation, path string) {
	if f.Node != scenario.AllNodes || v.Spec().Cluster == nil {
		anyNode(v, path+".killProcess", f.Node)
	}
}

// String describes the fault.
func (f *KillProcess) String() string {
	on := f.Node
	if on == scenario.AllNodes {
		on = "all nodes"
	}
	return words(f, fmt.Sprintf("kill %s on %s", f.Process, on), "process")
}

// each returns a fault for each cluster node.
func (f *KillProcess) each(p *plan.Plan) []Fault {
	if f.Node != scenario.AllNodes || p.Cluster == nil {
		return []Fault{f}
	}
	var all []Fault
	for _, n := range p.Cluster.Nodes {
		one := *f
		one.Node = n.Short
		all = append(all, &one)
	}
	return all
}

// Bound is the bound of a gateway's member, or of the nodes' speaker with graceful restart. Without graceful restart, routes are
// gone until the speaker is back, and no timer bounds this.
func (f *KillProcess) Bound(c Case) *bound.Bound {
	n := c.Plan.Scenario.Spec.NodeSpeaker()
	switch on := f.Node == scenario.AllNodes || c.worker(f.Node); {
	case on && n != nil && n.GracefulRestart != nil && n.Process == f.Process && c.graceful():
		return ref(bound.GracefulRestart(bound.RestartTime, 0))
	case on:
		return nil
	case c.holdsRoutes(f.Process):
		b, _ := c.routesGone(f.Node)
		return b
	}
	return c.withoutProcess(f.Node)
}

// APIBound is the bound of a control plane without the process.
func (f *KillProcess) APIBound(p *plan.Plan) *bound.Bound { return apiWithout(p, f.Node, f.Process) }

func (f *KillProcess) action(s spot) action { return &killProcess{process{spot: s, name: f.Process}} }

// killProcess kills the processes of a name.
type killProcess struct{ process }

func (p *killProcess) apply(ctx context.Context, _ json.RawMessage) error {
	pids, err := p.find(ctx)
	if err != nil {
		return err
	}
	if err := signal(pids, syscall.SIGKILL); err != nil {
		return err
	}
	return p.in.await(ctx, fmt.Sprintf("%s: process %s is gone", p.at.name, p.name), 5*time.Second, func(context.Context) error {
		for _, pid := range pids {
			if names(pid, p.name) {
				return fmt.Errorf("process %d of the host still runs", pid)
			}
		}
		return nil
	})
}
