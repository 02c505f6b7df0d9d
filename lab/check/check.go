// Package check judges what a scenario promises. Each check looks at the lab until the promise holds or
// its deadline has passed; looking is thin, and judging what was seen is pure.
package check

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// Lab is what checks look at.
type Lab interface {
	// Node finds a client, router or cluster node by the scenario's name.
	Node(name string) (node.Node, error)
	// Endpoints are a workload's addresses as they are now.
	Endpoints(ctx context.Context, workload string) (probe.Endpoints, error)
	// ClusterNodes are the cluster's nodes as they are now.
	ClusterNodes(ctx context.Context) ([]ClusterNode, error)
	Routers() []Router
}

// ClusterNode is a node of the cluster, with the prefixes from which its pods get addresses.
type ClusterNode struct {
	probe.NodeAddress
	PodCIDRs []netip.Prefix
}

// Router is a router that tells its sessions, its RIB and its FIB.
type Router interface {
	Name() string
	Sessions(ctx context.Context) ([]bgp.Session, error)
	Routes(ctx context.Context) ([]bgp.Route, error)
	FIB(ctx context.Context) ([]bgp.Route, error)
}

// Verdict is what became of a promise.
type Verdict string

// The verdicts.
const (
	Held    Verdict = "held"
	Failed  Verdict = "failed"
	Skipped Verdict = "skipped" // it cannot be checked here; Observed says why
	Unknown Verdict = "unknown" // the lab could not be looked at; Observed says why
)

// Result is one promise, judged.
type Result struct {
	Scenario string  `json:"scenario"`
	Name     string  `json:"name"` // the same in every run: reach from client to loadBalancer/echo
	Verdict  Verdict `json:"verdict"`
	Expected string  `json:"expected"`
	Observed string  `json:"observed"`
	// Duration is how long it took to hold or to fail, in nanoseconds.
	Duration time.Duration `json:"duration"`
	// Details of one kind, by the kind of check.
	Addresses []AddressRow `json:"addresses,omitempty"`
	Sessions  []SessionRow `json:"sessions,omitempty"`
	Routes    []RouteRow   `json:"routes,omitempty"`
	// What follows is of checks that send packets for a while.
	Bound    *bound.Bound `json:"bound,omitempty"` // by the configured timers; nil where none says how long
	Measured *Measured    `json:"measured,omitempty"`
	Flows    []FlowRow    `json:"flows,omitempty"`
	Captures []string     `json:"captures,omitempty"` // files of packets, kept where the check did not hold
	Notes    []string     `json:"notes,omitempty"`    // what else is to be known; it changes no verdict

	unrestored error // why the lab is not what it was before
}

// All runs every check that the plan's scenario has, one after the other, in its order. Each result is
// also given to done, if there is one, as soon as it is known. After a check that left the lab broken, those that
// would break it further are not run: they are unknown.
func All(ctx context.Context, l Lab, p *plan.Plan, done func(Result)) []Result {
	return some(ctx, l, p, func(scenario.Check) bool { return true }, done)
}

// Quick is All for the checks that only look.
func Quick(ctx context.Context, l Lab, p *plan.Plan, done func(Result)) []Result {
	return some(ctx, l, p, scenario.Check.Quick, done)
}

func some(ctx context.Context, l Lab, p *plan.Plan, wanted func(scenario.Check) bool, done func(Result)) []Result {
	var all []Result
	var broken error
	for _, c := range p.Scenario.Spec.Checks {
		if !wanted(c) {
			continue
		}
		var results []Result
		switch {
		case c.Disturbs() && ctx.Err() != nil:
			results = notRun(p, c, "the run was stopped: "+ctx.Err().Error())
		case c.Disturbs() && broken != nil:
			results = notRun(p, c, "the lab is not in its base state: "+broken.Error())
		default:
			results = Run(ctx, l, p, c)
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

func notRun(p *plan.Plan, c scenario.Check, since string) []Result {
	return []Result{{Scenario: p.Scenario.Metadata.Name, Name: title(c), Verdict: Unknown, Expected: "a lab in its base state", Observed: "not run, since " + since}}
}

// title is what a disturbing check is called that was not run.
func title(c scenario.Check) string {
	switch {
	case c.Failover != nil:
		return nameOf(*c.Failover)
	case c.Withdrawal != nil:
		return withdrawalName(*c.Withdrawal)
	case c.Lease != nil:
		return leaseName(*c.Lease)
	case c.API != nil:
		return apiName(*c.API)
	case c.Join != nil:
		return joinName(*c.Join)
	}
	return "check"
}

// Run runs one check. It has a result for each kind of target, side by side.
func Run(ctx context.Context, l Lab, p *plan.Plan, c scenario.Check) []Result {
	var results []Result
	switch {
	case c.Reach != nil:
		results = reach(ctx, l, p, *c.Reach)
	case c.Sessions != nil:
		results = sessions(ctx, l, p, *c.Sessions)
	case c.Routes != nil:
		results = routes(ctx, l, p, *c.Routes)
	case c.Wire != nil:
		results = wire(ctx, l, p, *c.Wire)
	case c.NodeRoutes != nil:
		results = nodeRoutes(ctx, l, p, *c.NodeRoutes)
	case c.ServiceList != nil:
		results = serviceList(ctx, l, p, *c.ServiceList)
	case c.Entry != nil:
		results = entry(ctx, l, p, *c.Entry)
	case c.Failover != nil:
		results = failover(ctx, l, p, *c.Failover)
	case c.Withdrawal != nil:
		results = withdrawal(ctx, l, p, *c.Withdrawal)
	case c.Lease != nil:
		results = lease(ctx, l, p, *c.Lease)
	case c.API != nil:
		results = api(ctx, l, p, *c.API)
	case c.Join != nil:
		results = joining(ctx, l, p, *c.Join)
	case c.Held != nil:
		results = held(ctx, l, *c.Held)
	case c.Flows != nil:
		results = hubbleFlows(ctx, l, p, *c.Flows)
	default:
		results = []Result{{Name: "empty check", Verdict: Unknown, Expected: "a check with one field set",
			Observed: "lab bug: a check without content passed the validation"}}
	}
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
