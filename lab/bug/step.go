package bug

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/cluster/providers"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/signal"
	"skidpad.dev/skidpad/lab/timeline"
	"skidpad.dev/skidpad/lab/wait"
)

// stepWithin bounds one command of a step.
const stepWithin = 3 * time.Minute

// runner does the steps of a bug in one lab.
type runner struct {
	*signal.Run
	half     string
	injector *fault.Injector
	faults   map[string][]*fault.Active
	flows    map[string]*flow
	// triggered is the start of the trigger. acted is the end of the trigger's last act; waiting steps are no acts.
	triggered, acted time.Time
	observe          []scenario.Observation
	awaited          map[*scenario.Await]*signal.Value // values before the trigger, of the signals compared by awaits
	note             func(string)
}

// flow is the sent traffic, and the recording after the stop.
type flow struct {
	spec    scenario.Send
	began   time.Time
	running *probe.Running
	rec     *record.Recording
}

// steps does all steps for this half, in order.
func (r *runner) steps(ctx context.Context, phase string, all []scenario.BugStep) error {
	for i, s := range all {
		if r.isForOthers(s) {
			continue
		}
		text := describe(s)
		r.note(phase + ": " + text)
		began, wall := r.Lab.Now(), time.Now()
		err := r.step(ctx, s)
		e := timeline.Event{At: began, Wall: wall, Until: r.Lab.Now(), Lane: timeline.LaneCheck, Subject: phase, Kind: "step", Text: text}
		if err != nil {
			e.Kind, e.Text = "step-failed", text+": "+err.Error()
		}
		r.Events.Add(e)
		if s.Await == nil && s.Hold == 0 {
			r.acted = time.Now()
		}
		if err != nil {
			return fmt.Errorf("%s[%d], %s: %w", phase, i, text, err)
		}
	}
	return nil
}

// isForOthers reports whether a step belongs only to another half.
func (r *runner) isForOthers(s scenario.BugStep) bool {
	return s.Only != "" && s.Only != r.counterpart()
}

// counterpart returns the half whose steps this half shares. A tried version gets the steps of the broken half. A
// patched version also gets these steps, because a patch must work without a workaround.
func (r *runner) counterpart() string {
	if r.half == scenario.HalfFixed {
		return scenario.HalfFixed
	}
	return scenario.HalfBroken
}

func (r *runner) step(ctx context.Context, s scenario.BugStep) error {
	limited, cancel := context.WithTimeout(ctx, stepWithin)
	defer cancel()
	switch s.Verb() {
	case scenario.StepFault:
		return r.inject(limited, s)
	case scenario.StepClear:
		return clearAll(limited, r.faults[s.Clear])
	case scenario.StepApply:
		return r.apply(limited, s.Apply)
	case scenario.StepKubectl:
		_, err := r.Shell(limited, kubectl(r.Lab.Plan, s.Kubectl))
		return err
	case scenario.StepExec:
		_, err := r.Shell(limited, *s.Exec)
		return err
	case scenario.StepSend:
		return r.send(ctx, s)
	case scenario.StepAwait:
		return r.await(ctx, s.Await)
	case scenario.StepHold:
		return wait.Sleep(ctx, s.Hold.Std())
	}
	return errors.New("lab bug: a step without a verb passed the validation")
}

func (r *runner) inject(ctx context.Context, s scenario.BugStep) error {
	var all []*fault.Active
	for _, f := range fault.All(r.Lab.Plan, *s.Fault) {
		active, err := r.injector.Inject(ctx, f)
		if err != nil {
			return errors.Join(err, clearAll(ctx, all))
		}
		all = append(all, active)
	}
	if s.For != 0 {
		return errors.Join(wait.Sleep(ctx, s.For.Std()), clearAll(ctx, all))
	}
	r.faults[s.As] = append(r.faults[s.As], all...)
	return nil
}

func clearAll(ctx context.Context, all []*fault.Active) error {
	var errs []error
	for _, f := range all {
		errs = append(errs, f.Clear(ctx))
	}
	return errors.Join(errs...)
}

func (r *runner) apply(ctx context.Context, manifests string) error {
	text, err := r.Fill(ctx, manifests)
	if err != nil {
		return err
	}
	kube, err := r.Lab.Kube(ctx)
	if err != nil {
		return err
	}
	return kube.Apply(ctx, text)
}

// kubectl returns a kubectl command line as a step on the first control-plane node, with the administrator's kubeconfig.
func kubectl(p *plan.Plan, args string) scenario.Exec {
	first := slices.IndexFunc(p.Cluster.Nodes, func(n plan.Node) bool { return n.ControlPlane })
	return scenario.Exec{Node: p.Cluster.Nodes[first].Short, Run: "kubectl --kubeconfig " + providers.AdminConf(p) + " " + args}
}

// send begins a flow, and returns when the flow's prober runs.
func (r *runner) send(ctx context.Context, s scenario.BugStep) error {
	to, err := r.Fill(ctx, s.Send.To)
	if err != nil {
		return err
	}
	ref, err := probe.ParseRef(to)
	if err != nil {
		return err
	}
	targets, err := r.Lab.Resolve(ctx, ref, record.Proto(s.Send.Proto))
	if err != nil {
		return err
	}
	n, err := r.Place(ctx, s.Send.From)
	if err != nil {
		return err
	}
	f := probe.Flow{Proto: record.Proto(s.Send.Proto), Rate: float64(time.Second) / float64(s.Send.Every)}
	for range max(1, s.Send.Flows) {
		f.Targets = append(f.Targets, targets[0])
	}
	running, err := probe.Start(ctx, n, f)
	r.flows[s.As] = &flow{spec: *s.Send, began: time.Now(), running: running}
	return err
}

// recording stops a flow once, and returns the recording.
func (r *runner) recording(ctx context.Context, name string) (*record.Recording, error) {
	f := r.flows[name]
	if f == nil || f.running == nil {
		return nil, fmt.Errorf("nothing was sent under the name %q in this half", name)
	}
	if f.rec == nil {
		rec, err := f.running.Stop(ctx)
		if err != nil {
			return nil, err
		}
		f.rec = rec
	}
	return f.rec, nil
}

// await waits until a signal is right. After a failed read, await reads the signal again.
func (r *runner) await(ctx context.Context, a *scenario.Await) error {
	before := r.awaited[a]
	return wait.Until(ctx, wait.For{What: "want " + signal.Words(a.Right, before), Within: a.Within.Std(), Every: lookAgain}, func(ctx context.Context) error {
		v, err := r.Read(ctx, a.Signal)
		if err == nil && v.Meets(a.Right, before) != signal.Yes {
			err = errors.New(v.String())
		}
		return err
	})
}

// describe returns a step in one line.
func describe(s scenario.BugStep) string {
	switch s.Verb() {
	case scenario.StepFault:
		text := s.Fault.String()
		if s.For != 0 {
			text += " for " + s.For.String()
		}
		return text
	case scenario.StepClear:
		return "undo " + s.Clear
	case scenario.StepApply:
		return "apply " + strings.Join(kinds(s.Apply), ", ")
	case scenario.StepKubectl:
		return "kubectl " + firstLine(s.Kubectl)
	case scenario.StepExec:
		return s.Exec.Node + ": " + firstLine(s.Exec.Run)
	case scenario.StepSend:
		return fmt.Sprintf("send %s from %s to %s, every %s", s.Send.Proto, s.Send.From, s.Send.To, s.Send.Every)
	case scenario.StepAwait:
		return fmt.Sprintf("await %s: %s", s.Await.Signal.Name, signal.Words(s.Await.Right, nil))
	}
	return "hold for " + s.Hold.String()
}

// kinds returns the kinds of the manifests, in order.
func kinds(manifests string) []string {
	var all []string
	for line := range strings.Lines(manifests) {
		if kind, ok := strings.CutPrefix(line, "kind: "); ok {
			all = append(all, strings.TrimSpace(kind))
		}
	}
	return all
}

func firstLine(text string) string {
	line, _, more := strings.Cut(strings.TrimSpace(text), "\n")
	if more {
		line += " …"
	}
	return line
}
