package scenario

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// bug checks the references within the section. The function halves checks that each half is a valid scenario.
func (v *Validation) bug(b *Bug) {
	if b == nil {
		return
	}
	if !strings.HasPrefix(b.Link, "https://") && !strings.HasPrefix(b.Link, "http://") {
		v.Add("bug.link", "seen %q, want where the report is, https://…", b.Link)
	}
	v.NotEmpty("bug.trigger", len(b.Trigger))
	v.NotEmpty("bug.observe", len(b.Observe))
	named := map[string]string{} // faults and flows of the earlier steps, by name
	for i, s := range b.Setup {
		v.bugStep(fmt.Sprintf("bug.setup[%d]", i), s, named)
		if s.Await != nil && s.Await.Right.Changed != nil {
			v.Add(fmt.Sprintf("bug.setup[%d].await.right.changed", i), "seen changed in setup, want changed in trigger or observe: values are compared with those before the trigger")
		}
	}
	before := maps.Clone(named)
	for i, s := range b.Trigger {
		v.bugStep(fmt.Sprintf("bug.trigger[%d]", i), s, named)
	}
	judged := false
	for i, o := range b.Observe {
		path := fmt.Sprintf("bug.observe[%d]", i)
		v.signal(path+".signal", o.Signal, named)
		v.condition(path+".right", o.Signal, o.Right)
		if o.Wrong != nil {
			v.condition(path+".wrong", o.Signal, *o.Wrong)
		}
		if o.Within != 0 && o.During != 0 {
			v.Add(path+".within", "seen within and during, want one of them")
		}
		judged = judged || !o.Control
		if flow, ok := o.Signal.flow(); ok && b.Repeat != nil && !b.Repeat.Last() && before[flow] == StepSend {
			v.Add(path+".signal", "seen flow %q of the setup with a repeated trigger, want a flow that each try sends: a look ends the flow", flow)
		}
	}
	if len(b.Observe) > 0 && !judged {
		v.Add("bug.observe", "seen controls only, want an observation that tells whether the bug is there")
	}
}

// halves checks that each half of a bug is a valid scenario.
func (v *Validation) halves(s *Scenario) {
	if s.Bug == nil || len(v.found.list) > 0 {
		return // every mistake of the scenario is also a mistake of the halves
	}
	halves := map[string]*Half{"bug.broken": &s.Bug.Broken, "bug.fixed": s.Bug.Fixed}
	for _, path := range []string{"bug.broken", "bug.fixed"} {
		h := halves[path]
		if h == nil {
			continue
		}
		_, err := s.Half(*h)
		var invalid *Invalid
		switch {
		case errors.As(err, &invalid):
			for _, p := range invalid.Problems {
				v.Add(path, "with it the scenario is wrong: %s: %s", p.Path, p.Message)
			}
		case err != nil:
			v.Add(path, "%v", err)
		}
	}
}

func (v *Validation) bugStep(path string, s BugStep, named map[string]string) {
	verb := s.Verb()
	var names []string
	var set []bool
	for _, k := range s.verbs() {
		names, set = append(names, k.name), append(set, k.set)
	}
	if !v.ExactlyOne(path, strings.Join(names, ", "), set...) {
		return
	}
	if s.As != "" && verb != StepFault && verb != StepSend {
		v.Add(path+".as", "seen %q with %s, want it with fault or send only", s.As, verb)
	}
	if s.For != 0 && verb != StepFault {
		v.Add(path+".for", "seen %s with %s, want it with fault only", s.For, verb)
	}
	if (verb == StepApply || verb == StepKubectl) && v.spec.Cluster == nil {
		v.Add(path+"."+verb, "seen a step for a cluster, want a spec.cluster")
	}
	switch verb {
	case StepFault:
		s.Fault.Validate(v, path+".fault")
	case StepClear:
		if named[s.Clear] != StepFault {
			v.Add(path+".clear", "seen %q, want the name (as) of a fault of an earlier step", s.Clear)
		}
	case StepApply:
		v.Text(path+".apply", s.Apply)
	case StepKubectl:
		v.Text(path+".kubectl", s.Kubectl)
	case StepExec:
		v.Exec(path+".exec", *s.Exec)
	case StepSend:
		v.send(path, s)
	case StepAwait:
		v.signal(path+".await.signal", s.Await.Signal, named)
		v.condition(path+".await.right", s.Await.Signal, s.Await.Right)
	}
	if s.As != "" {
		named[s.As] = verb
	}
}

// Exec checks the node and the names in the command line.
func (v *Validation) Exec(path string, e Exec) {
	v.Place(path+".node", e.Node)
	v.Text(path+".run", e.Run)
}

func (v *Validation) send(path string, s BugStep) {
	v.Place(path+".send.from", s.Send.From)
	v.Aim(path+".send.to", s.Send.To)
	if s.As == "" {
		v.Add(path+".as", "seen nothing, want a name by which the signals outage and lost find what is sent")
	}
	if every := s.Send.Every.Std(); every < time.Millisecond || every > time.Second {
		v.Add(path+".send.every", "seen %s, want 1ms to 1s", s.Send.Every)
	}
}

// Place checks that a command can run at the place: in a node, or in the network of a workload's pod.
func (v *Validation) Place(path, name string) {
	if pod, ok := strings.CutPrefix(name, "pod/"); ok {
		workload, node, at := strings.Cut(pod, "@")
		v.Workload(path, workload)
		if at && !slices.Contains(v.spec.NodeNames(), node) {
			v.Unknown(path, node, "node", v.spec.NodeNames())
		}
		return
	}
	if known := append(v.Senders(), v.Guards()...); name != "" && !slices.Contains(known, name) {
		v.Unknown(path, name, "client, router, node or gateway's guard, or pod/WORKLOAD", known)
	}
}

// signal checks the fields. named has the faults and flows of earlier steps.
func (v *Validation) signal(path string, s Signal, named map[string]string) {
	v.named = named
	s.validate(v, path)
}

// Sent checks that an earlier step sends a flow of that name.
func (v *Validation) Sent(path, flow string) {
	if v.named[flow] != StepSend {
		v.Add(path, "seen %q, want the name (as) of what an earlier step sends", flow)
	}
}

// Router checks that a router of that name exists.
func (v *Validation) Router(path, name string) {
	if name != "" && v.spec.Router(name) == nil {
		v.Unknown(path, name, "router", v.routerNames())
	}
}

// condition checks that a condition exists, and that the condition can judge the signal.
func (v *Validation) condition(path string, s Signal, c Condition) {
	times := c.Longer != 0 || c.Shorter != 0
	others := c.Is != nil || c.Has != "" || c.Lacks != "" || c.Matches != "" || c.Min != nil || c.Max != nil || c.Changed != nil
	never := c.Never != nil
	by, known := s.JudgedBy()
	timed := by == ByTime || by == ByEvent
	switch {
	case !times && !others && !never:
		v.Add(path, "seen no condition, want one of: is, has, lacks, matches, min, max, longer, shorter, changed, never")
	case never && known && by != ByEvent:
		v.Add(path, "seen never for %s, want never for a time between events only", s.Name)
	case times && known && !timed:
		v.Add(path, "seen a time for %s, want is, has, lacks, matches, min, max or changed", s.Name)
	case others && timed:
		v.Add(path, "seen what is no time for %s, want longer or shorter", s.Name)
	}
	if _, err := regexp.Compile(c.Matches); err != nil {
		v.Add(path+".matches", "seen %q, want a regular expression: %v", c.Matches, err)
	}
	for _, text := range append(slices.Clone(c.Is), c.Has, c.Lacks, c.Matches) {
		v.Text(path, text)
	}
}
