// Package check judges the promises of a scenario. Each check looks at the lab until the promise holds or the deadline has
// passed. Looking is thin, and judging is pure.
package check

import (
	"context"
	"fmt"
	"slices"
	"time"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Check is a member of the kind: the fields in a scenario file, and the way to judge the promise.
type Check interface {
	scenario.Fields
	// Title is the name of the check in reports, the same in every run.
	Title() string
	Cost() Cost
	// Sends returns a flow that the check sends, or nil.
	Sends() *scenario.Probe
	// Run looks until the promise holds or the deadline has passed. There is at least one result.
	Run(ctx context.Context, l Lab, p *plan.Plan) []Result
}

// Cost says what a check does to the lab.
type Cost int

// The costs.
const (
	Looks    Cost = iota // ends as soon as the promise holds, and changes nothing
	Lasts                // takes a fixed time, or stops traffic of the check's own for a while
	Disturbs             // breaks something, and brings the lab back to its base state
)

// Member is an entry of the list of members.
func Member[T any, P interface {
	*T
	Check
}](name string) scenario.Member {
	return scenario.Member{Name: name, New: func() scenario.Fields { return P(new(T)) }}
}

// Of returns the checks of a scenario. All members come from Member, so each is a Check.
func Of(s *scenario.Scenario) []Check {
	all := make([]Check, len(s.Spec.Checks))
	for i, c := range s.Spec.Checks {
		all[i] = c.Fields.(Check) //nolint:forcetypeassert // by Member
	}
	return all
}

// Verdict is the outcome of a promise.
type Verdict string

// The verdicts.
const (
	Held    Verdict = "held"
	Failed  Verdict = "failed"
	Skipped Verdict = "skipped" // no check is possible here; Observed says why
	Unknown Verdict = "unknown" // no look at the lab was possible; Observed says why
)

// Result is one promise, judged.
type Result struct {
	Scenario string  `json:"scenario"`
	Name     string  `json:"name"` // the same in every run: reach from client to loadBalancer/echo
	Verdict  Verdict `json:"verdict"`
	Expected string  `json:"expected"`
	Observed string  `json:"observed"`
	// Duration is the time until the verdict, in nanoseconds.
	Duration time.Duration `json:"duration"`
	// Details of one kind, by the kind of check.
	Addresses []AddressRow `json:"addresses,omitempty"`
	Sessions  []SessionRow `json:"sessions,omitempty"`
	Routes    []RouteRow   `json:"routes,omitempty"`
	// The fields below belong to checks that send packets for a while.
	Bound    *bound.Bound `json:"bound,omitempty"` // by the configured timers; nil without a fitting timer
	Measured *Measured    `json:"measured,omitempty"`
	Flows    []FlowRow    `json:"flows,omitempty"`
	Captures []string     `json:"captures,omitempty"` // files of packets, kept if the check did not hold
	Notes    []string     `json:"notes,omitempty"`    // further facts, without effect on the verdict

	unrestored error // why the lab is not in its base state
}

// left records why a check left the lab broken; nil: the lab is in its base state.
func (r *Result) left(err error) {
	if err != nil {
		r.unrestored = err
		r.Notes = append(r.Notes, "the lab did not come back to its base state: "+err.Error())
	}
}

// All runs checks one after the other, and calls done, if set, with each result. After a check that disturbs, the quick checks
// must hold again. After a check left the lab broken, further checks that disturb do not run: their verdict is Unknown.
func All(ctx context.Context, l Lab, p *plan.Plan, checks []Check, done func(Result)) []Result {
	var all []Result
	var broken error
	for _, c := range checks {
		var results []Result
		switch disturbs := c.Cost() == Disturbs; {
		case disturbs && ctx.Err() != nil:
			results = notRun(p, c, "the run was stopped: "+ctx.Err().Error())
		case disturbs && broken != nil:
			results = notRun(p, c, "the lab is not in its base state: "+broken.Error())
		default:
			results = run(ctx, l, p, c)
			if first := &results[0]; disturbs && first.Verdict != Skipped && first.unrestored == nil {
				first.left(promises(ctx, l, p, checks))
			}
		}
		for _, r := range results {
			if r.unrestored != nil {
				broken = fmt.Errorf("after %q: %w", r.Name, r.unrestored)
			}
			all = append(all, r)
			if done != nil {
				done(r)
			}
		}
	}
	return all
}

// Quick returns the checks that only look.
func Quick(checks []Check) []Check {
	return slices.DeleteFunc(slices.Clone(checks), func(c Check) bool { return c.Cost() != Looks })
}

// promises runs the quick checks again: a lab with a healthy status may still lose packets. A stopped run leaves this out.
func promises(ctx context.Context, l Lab, p *plan.Plan, checks []Check) error {
	if ctx.Err() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healWithin+time.Minute)
	defer cancel()
	for _, c := range Quick(checks) {
		for _, r := range run(ctx, l, p, c) {
			if r.Verdict != Held && r.Verdict != Skipped {
				return fmt.Errorf("%s: %s: %s", r.Name, r.Verdict, r.Observed)
			}
		}
	}
	return nil
}

func notRun(p *plan.Plan, c Check, since string) []Result {
	return []Result{{Scenario: p.Scenario.Metadata.Name, Name: c.Title(), Verdict: Unknown, Expected: "a lab in its base state", Observed: "not run, since " + since}}
}

// run runs one check. A check with several kinds of target has a result for each.
func run(ctx context.Context, l Lab, p *plan.Plan, c Check) []Result {
	results := c.Run(ctx, l, p)
	for i := range results {
		results[i].Scenario = p.Scenario.Metadata.Name
	}
	return results
}

// workloadOf finds the workload that a check means: by name, or the first.
func workloadOf(p *plan.Plan, name string) (plan.Workload, error) {
	for _, w := range p.Workloads {
		if name == "" || w.Name == name {
			return w, nil
		}
	}
	return plan.Workload{}, fmt.Errorf("the plan of lab %s has no workload %q; add it to spec.workloads", p.Lab, name)
}
