package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/wait"
)

// SlowProcess stops Process on that node for Percent of the time, in turns of Period (SIGSTOP, SIGCONT): an etcd on a slow disk,
// an overloaded agent. The process answers late by up to the stopped part of a turn.
type SlowProcess struct {
	Node string `json:"slowProcess"`
	// Process is a program's name: etcd, bgpd, cilium-agent …
	Process string `json:"process" help:"the program: etcd, bgpd, cilium-agent …"`
	// Percent is the share of time without a run of the process.
	Percent float64 `json:"percent" jsonschema:"exclusiveMinimum=0,maximum=99" help:"of the time"`
	// Period is the length of a turn, from 20ms to 1m; default 1s.
	Period scenario.Duration `json:"period,omitempty" help:"length of a turn"`
	Lasting
}

// SetDefaults fills in Period.
func (f *SlowProcess) SetDefaults(*scenario.Spec) {
	scenario.Or(&f.Period, scenario.Duration(time.Second))
}

// About describes the fault.
func (*SlowProcess) About() About {
	return About{What: "a process stopped for a share of the time", Driven: true, Unbounded: "a slow process follows no timer"}
}

// Validate checks the node and the period.
func (f *SlowProcess) Validate(v *scenario.Validation, path string) {
	anyNode(v, path+".slowProcess", f.Node)
	if p := f.Period.Std(); p != 0 && (p < 20*time.Millisecond || p > time.Minute) {
		v.Add(path+".period", "seen %s, want 20ms to 1m", f.Period)
	}
}

// String describes the fault.
func (f *SlowProcess) String() string {
	return words(f, fmt.Sprintf("slow %s on %s", f.Process, f.Node), "process")
}

func (f *SlowProcess) action(s spot) action {
	stopped := time.Duration(float64(f.Period.Std()) * f.Percent / 100)
	return &slowProcess{pauseProcess{process{spot: s, name: f.Process}}, stopped, f.Period.Std() - stopped}
}

// slowProcess stops the processes of a name in turns. apply begins with a stop.
type slowProcess struct {
	pauseProcess
	stopped, running time.Duration
}

// drive begins after apply: the processes are stopped. It ends with the processes in either state; undo lets them go on.
func (p *slowProcess) drive(ctx context.Context) error {
	for run := true; ; run = !run {
		pause, sig := p.stopped, sigCont
		if !run {
			pause, sig = p.running, sigStop
		}
		if wait.Sleep(ctx, pause) != nil {
			return nil //nolint:nilerr // the end of ctx is the end of the fault
		}
		pids, err := p.find(ctx)
		if err == nil {
			err = signal(pids, sig)
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, errGone) {
			return fmt.Errorf("fault %s: %w", p.of, err)
		}
	}
}
