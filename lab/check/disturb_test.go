package check

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

var (
	lb    = scenario.Probe{From: "client", To: scenario.TargetLoadBalancer, Workload: "echo", Proto: "udp", Every: scenario.Duration(time.Millisecond), Flows: 1}
	ms300 = scenario.Duration(300 * time.Millisecond)
	yes   = true
	no    = false
)

func killR1() Failover {
	return Failover{Fault: scenario.FaultOf(&fault.Kill{Node: "r1"}), Measure: "inject", Probe: lb, Tolerance: ms300}
}

// only runs one check in an arena, with a clock for the arena alone.
func only(t *testing.T, a *arena, c Check) Result {
	t.Helper()
	var r Result
	results := run(t.Context(), a, arenaPlan(), c)
	if len(results) != 1 {
		t.Fatalf("%d results, wanted 1", len(results))
	}
	r = results[0]
	if c.Cost() != Disturbs {
		return r
	}
	for _, f := range a.faults {
		if f.cleared == 0 {
			t.Errorf("%s: the fault %s was not cleared", r.Name, f.fault)
		}
	}
	return r
}

func TestFailoverHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := only(t, newArena(), new(killR1()))
		if r.Verdict != Held || r.Name != "failover: kill r1" {
			t.Fatalf("%s: %s, %q", r.Name, r.Verdict, r.Observed)
		}
		m := r.Measured
		if m.Outage < 299*time.Millisecond || m.Outage > 302*time.Millisecond || m.Outages != 1 || m.Lost < 298 || m.Lost > 302 || m.First > 21*time.Millisecond {
			t.Errorf("measured %+v; wanted an outage of 300 ms, some 20 ms after the fault's begin", m)
		}
		if m.Before.String() != "r1 → worker, worker2" || m.After.String() != "r2 → worker2" {
			t.Errorf("carried by %s, then %s", m.Before, m.After)
		}
		if r.Bound == nil || !strings.Contains(r.Bound.Formula, "326ms") || m.LimitIs != "bound 326ms + tolerance 300ms" {
			t.Errorf("bound %+v, limit is %q", r.Bound, m.LimitIs)
		}
		if len(r.Flows) != 1 || !slices.Equal(r.Flows[0].Before, []string{"echo-a on worker"}) || !slices.Equal(r.Flows[0].After, r.Flows[0].Before) || r.Flows[0].Recording == nil {
			t.Errorf("flows %+v", r.Flows)
		}
	})
}

// Each check fails without its mechanism: no r2, no graceful restart, no second node.
func TestDisturbingNegativeControls(t *testing.T) {
	off := func(a *arena) { a.standby = false }
	local := lb
	tests := []struct {
		name    string
		breakIt func(*arena)
		check   Check
		seen    string
	}{
		{"no r2", off, new(killR1()), "not answered again"},
		{"r2 is slow", func(a *arena) { a.takeover = 900 * time.Millisecond }, new(killR1()), "more than 626ms"},
		{"the return costs packets", func(a *arena) { a.takeover = 0; a.lossyReturn() }, &Failover{
			Fault: scenario.FaultOf(&fault.Kill{Node: "r1"}), Measure: "clear", Probe: lb, Tolerance: ms300}, "more than 300ms"},
		{"no graceful restart", func(a *arena) { a.standby, a.ownHeal = false, 8*time.Second }, &Failover{
			Fault: scenario.FaultOf(&fault.KillProcess{Node: "nodes", Process: "cilium-agent"}), Measure: "inject", GracefulRestart: &yes, Probe: lb, Tolerance: ms300}, "out for 8s"},
		{"a negative control without an outage", func(a *arena) { a.takeover = 0 }, &Failover{
			Fault: scenario.FaultOf(&fault.Kill{Node: "r1"}), Measure: "inject", Probe: lb, MaxOutage: scenario.Duration(time.Second), MinOutage: ms300}, "an outage of 300ms at least"},
		{"no second node to hold the lease", off, &Lease{Probe: lb, Tolerance: ms300}, "not answered again"},
		{"routes are not withdrawn", off, &Withdrawal{Fault: scenario.FaultOf(&fault.Drain{Node: "worker"}), Probe: local, Tolerance: ms300}, "the routes by worker are gone: not after"},
		{"not held", func(a *arena) { a.lossy = true }, &Steady{Probe: lb, For: scenario.Duration(time.Second)}, "lost 10 of"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena()
				test.breakIt(a)
				r := only(t, a, test.check)
				if r.Verdict != Failed || !strings.Contains(r.Observed, test.seen) {
					t.Errorf("%s: %s, observed %q; wanted failed, with %q", r.Name, r.Verdict, r.Observed, test.seen)
				}
			})
		})
	}
}

// The same checks hold where the mechanism is there.
func TestDisturbingPositives(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(*arena)
		check   Check
		seen    string
	}{
		"return": {func(a *arena) { a.takeover = 0 }, &Failover{
			Fault: scenario.FaultOf(&fault.Kill{Node: "r1"}), Measure: "clear", Probe: lb, Tolerance: ms300}, "no outage"},
		"graceful restart": {func(a *arena) { a.takeover, a.ownHeal = 0, 8*time.Second }, &Failover{
			Fault: scenario.FaultOf(&fault.KillProcess{Node: "nodes", Process: "cilium-agent"}), Measure: "inject", GracefulRestart: &yes, Probe: lb, Tolerance: ms300}, "no outage"},
		"negative control": {func(a *arena) { a.standby, a.ownHeal = false, 8*time.Second }, &Failover{
			Fault: scenario.FaultOf(&fault.KillProcess{Node: "nodes", Process: "cilium-agent"}), Measure: "inject", GracefulRestart: new(bool), Probe: lb,
			MinOutage: ms300, MaxOutage: scenario.Duration(time.Minute)}, "out for 8s"},
		"lease":                      {func(a *arena) { a.takeover = 3 * time.Second }, &Lease{Probe: lb, Tolerance: ms300}, "out for 3s"},
		"lease of the control plane": {func(a *arena) { a.holder = "control-plane" }, &Lease{Probe: lb, Tolerance: ms300}, "worker2 announces the address"},
		"withdrawal": {func(a *arena) { a.takeover = 100 * time.Millisecond }, &Withdrawal{
			Fault: scenario.FaultOf(&fault.Drain{Node: "worker"}), Probe: lb, Tolerance: ms300}, "routes by worker gone"},
		"held": {func(*arena) {}, &Steady{Probe: lb, For: scenario.Duration(time.Second)}, "no outage, lost 0 of"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena()
				test.prepare(a)
				r := only(t, a, test.check)
				if r.Verdict != Held || !strings.Contains(r.Observed, test.seen) {
					t.Errorf("%s: %s, observed %q, notes %q; wanted held, with %q", r.Name, r.Verdict, r.Observed, r.Notes, test.seen)
				}
			})
		})
	}
}

func TestGracefulRestartIsPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena()
		a.ownHeal = time.Second
		f := killR1()
		f.GracefulRestart = &no
		r := only(t, a, &f)
		if r.Name != "failover: kill r1 without graceful restart" || len(a.restarts) != 2 || a.restarts[0] != &no || a.restarts[1] != nil {
			t.Errorf("%s: graceful restart was set to %v; wanted off, then as planned", r.Name, a.restarts)
		}
	})
}

// If the killed node does not carry the flow, a flow without loss proves nothing.
func TestTheWrongNodeIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena()
		a.moved, a.takeover = true, 0
		r := only(t, a, &Lease{Probe: lb, Tolerance: ms300})
		if r.Verdict != Unknown || !strings.Contains(r.Observed, "worker was killed, and the flow went by way of worker2") {
			t.Errorf("%s: %s, observed %q; wanted unknown", r.Name, r.Verdict, r.Observed)
		}
	})
}

func TestUnknown(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(*arena)
		change  func(*Failover)
		seen    string
	}{
		"lossy before the fault": {func(a *arena) { a.lossy, a.takeover = true, 0 }, func(f *Failover) {}, "were lost before the fault"},
		"the fault fails":        {func(*arena) {}, func(f *Failover) { f.Fault = scenario.FaultOf(&fault.Kill{Node: "nobody"}) }, "no bound can be computed"},
		"the fault fails, with a maximum": {func(*arena) {}, func(f *Failover) {
			f.Fault, f.Tolerance, f.MaxOutage = scenario.FaultOf(&fault.Kill{Node: "nobody"}), 0, ms300
		}, "no such container"},
		"the lab is sick": {func(a *arena) { a.healthy = func() error { return errors.New("node worker: not ready") } }, func(*Failover) {}, "not in its base state before the fault: base state: not after 4m0s; last seen: node worker: not ready"},
		"nobody to ask":   {func(a *arena) { a.endpointsErr = errors.New("connection refused") }, func(*Failover) {}, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena()
				test.prepare(a)
				f := killR1()
				test.change(&f)
				r := only(t, a, &f)
				if r.Verdict != Unknown || !strings.Contains(r.Observed, test.seen) {
					t.Errorf("%s, %q; wanted unknown, with %q", r.Verdict, r.Observed, test.seen)
				}
			})
		})
	}
}

// A prober's pause hides an outage: the verdict is Unknown if the outage can have been too long.
func TestTheProbersOwnStall(t *testing.T) {
	for name, test := range map[string]struct {
		takeover, after, stall time.Duration
		want                   Verdict
		seen                   string
	}{
		"outage and stall are together within the limit": {ms300.Std(), 400 * time.Millisecond, 300 * time.Millisecond, Held, "out for 300ms"},
		"outage and stall are together too long":         {ms300.Std(), 400 * time.Millisecond, 350 * time.Millisecond, Unknown, "the prober stood still for 351ms"},
		"a stall hides the whole outage":                 {ms300.Std(), 0, 700 * time.Millisecond, Unknown, "the prober stood still for 70"},
		"a stall hides that nothing was lost":            {0, 0, 700 * time.Millisecond, Unknown, "the prober stood still for 70"},
		"what was seen is too long already":              {700 * time.Millisecond, time.Second, 700 * time.Millisecond, Failed, "out for 700ms"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena()
				a.takeover, a.stallAfter, a.stall = test.takeover, test.after, test.stall
				r := only(t, a, new(killR1()))
				if r.Verdict != test.want || !strings.Contains(r.Observed, test.seen) {
					t.Errorf("%s, %q; wanted %s, with %q", r.Verdict, r.Observed, test.want, test.seen)
				}
			})
		})
	}
}

func TestHeldWithAStall(t *testing.T) {
	for stall, want := range map[time.Duration]Verdict{0: Held, 200 * time.Millisecond: Held, 300 * time.Millisecond: Unknown} {
		synctest.Test(t, func(t *testing.T) {
			a := newArena()
			a.stallAfter, a.stall = time.Second, stall
			held := Steady{Probe: killR1().Probe, For: scenario.Duration(3 * time.Second)}
			if r := only(t, a, &held); r.Verdict != want {
				t.Errorf("a stall of %s: %s, %q; wanted %s", stall, r.Verdict, r.Observed, want)
			}
		})
	}
}

// After a lab did not come back, checks with a fault do not run, and the other checks do.
func TestABrokenLabIsNotBrokenFurther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena()
		a.healthy = func() error {
			if len(a.faults) > 0 {
				return errors.New("router r1: it is exited, not running")
			}
			return nil
		}
		kill := new(killR1())
		var names []string
		all := All(t.Context(), a, arenaPlan(), []Check{kill, kill, sessC}, func(r Result) { names = append(names, r.Name) })
		if len(all) != 3 || all[0].Verdict != Held || len(all[0].Notes) == 0 {
			t.Fatalf("%+v", all)
		}
		if all[1].Verdict != Unknown || !strings.Contains(all[1].Observed, `not run, since the lab is not in its base state: after "failover: kill r1"`) || len(a.faults) != 1 {
			t.Errorf("the second: %s, %q, %d faults", all[1].Verdict, all[1].Observed, len(a.faults))
		}
		if all[2].Verdict != Held {
			t.Errorf("the look: %s, %q", all[2].Verdict, all[2].Observed)
		}
	})
}

// A lab that is healthy after a fault may still break a promise; then nothing is broken further.
func TestPromisesAreLookedAtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena()
		kill, lost := new(killR1()), &Sessions{Within: soon}
		lossy := &after{Check: lost, holds: 1}
		all := All(t.Context(), a, arenaPlan(), []Check{lossy, kill, kill}, nil)
		if len(all) != 3 || all[1].Verdict != Held || len(all[1].Notes) != 1 || !strings.Contains(all[1].Notes[0], "sessions of r1, r2: failed") || all[2].Verdict != Unknown {
			t.Errorf("%+v", all)
		}
	})
}

// after is a check that no longer holds after some looks.
type after struct {
	Check
	holds int
}

func (c *after) Run(ctx context.Context, l Lab, p *plan.Plan) []Result {
	results := c.Check.Run(ctx, l, p)
	if c.holds--; c.holds < 0 {
		results[0].Verdict = Failed
	}
	return results
}

// Ctrl-C in the midst of a check undoes the fault, and tries no further one.
func TestStoppedInTheMidst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena()
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		began := time.Now()
		kill := new(killR1())
		all := All(ctx, a, arenaPlan(), []Check{kill, kill}, nil)
		if len(all) != 2 || all[0].Verdict != Unknown || all[1].Verdict != Unknown || !strings.Contains(all[1].Observed, "the run was stopped") {
			t.Errorf("%+v", all)
		}
		if len(a.faults) != 1 || a.faults[0].cleared == 0 || time.Since(began) > 5*time.Second {
			t.Errorf("%d faults, cleared at %d, after %s", len(a.faults), a.faults[0].cleared, time.Since(began))
		}
	})
}

func TestQuickDisturbsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena()
		checks := []Check{sessC, new(killR1()), &Lease{Probe: lb, Tolerance: ms300},
			&Withdrawal{Fault: scenario.FaultOf(&fault.Drain{Node: "worker"}), Probe: lb, Tolerance: ms300}, &Steady{Probe: lb, For: ms300}, routeC}
		all := All(t.Context(), a, arenaPlan(), Quick(checks), nil)
		if len(all) != 5 || len(a.faults) != 0 {
			t.Errorf("%d results and %d faults, wanted the sessions' one and the routes' four, and none", len(all), len(a.faults))
		}
	})
}
