package report

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// synthetic is an invented run: a series of faults, with their consequences.
type synthetic struct {
	random *rand.Rand
	began  time.Time
	run    Run
	events []timeline.Event
	flows  []Flow
}

const monoStart = int64(5_000_000_000_000) // CLOCK_MONOTONIC at the start

// fault is a fault of the invented run, with its check.
type fault struct {
	name, subject, limit string
	outage               time.Duration
	bound                bound.Bound
	verdict              check.Verdict
}

func millis(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// syntheticRun has about the given numbers of attempts and events; the same numbers give the same run.
func syntheticRun(attempts, events int) *synthetic {
	s := &synthetic{random: rand.New(rand.NewPCG(1, 2)), began: time.Date(2026, 11, 20, 10, 30, 0, 0, time.UTC)}
	s.run = Run{Scenario: "cilium-bgp-vrrp", Started: s.began}
	vrrp := bound.Bound{Min: millis(226), Max: millis(326), Formula: "3 × 100ms + (256 − 190) / 256 × 100ms = 326ms", Source: "RFC 9568, 6.1",
		Terms: []bound.Term{{Name: "advert interval", Value: "100ms"}, {Name: "priority of r2", Value: "190"}}}
	hold := bound.Bound{Max: 9 * time.Second, Formula: "hold time 9s", Source: "RFC 4271, 6.5", Terms: []bound.Term{{Name: "hold time", Value: "9s"}}}
	faults := []fault{
		{"kill r1", "r1", "bound 326ms + tolerance 200ms", millis(271), vrrp, check.Held},
		{"link fabric of r1 down", "r1", "bound 326ms + tolerance 200ms", millis(318), vrrp, check.Held},
		{"link edge of r1 down", "r1", "bound 326ms + tolerance 200ms", millis(305), vrrp, check.Held},
		{"kill bgpd on r1", "r1", "maxOutage 500ms", millis(1240), bound.Bound{Max: millis(400), Formula: "track interval 100ms × 4", Source: "keepalived.conf(5)"}, check.Failed},
		{"return of r1", "r1", "maxOutage 100ms", 0, vrrp, check.Held},
		{"kill worker", "worker", "bound 9s + tolerance 1s", millis(8700), hold, check.Held},
		{"kill cilium-agent on all nodes, graceful restart", "nodes", "maxOutage 0s", 0, bound.Bound{}, check.Held},
		{"kill cilium-agent on all nodes", "nodes", "bound 9s + tolerance 1s", millis(3150), hold, check.Unknown},
	}
	at := monoStart + int64(2*time.Second)
	each := attempts / (len(faults) * 2)
	for i, f := range faults {
		length := time.Duration(each) * time.Millisecond
		if f.outage*3/2 > length {
			length = f.outage * 3 / 2
		}
		s.check(i, f, at, length, each)
		at += int64(length) + int64(3*time.Second)
	}
	s.looks()
	for len(s.events) < events {
		s.noise(at)
	}
	s.run.Duration = time.Duration(at - monoStart)
	return s
}

func (s *synthetic) clock() record.Clock { return record.Clock{Mono: monoStart, Wall: s.began} }

func (s *synthetic) event(at int64, lane timeline.Lane, subject, kind, text string, until int64, fields map[string]string) {
	s.events = append(s.events, timeline.Event{At: at, Wall: s.clock().At(at), Lane: lane, Subject: subject, Kind: kind, Text: text, Until: until, Fields: fields})
}

// check makes a check with two flows and the events of its fault.
func (s *synthetic) check(number int, f fault, from int64, length time.Duration, each int) {
	name := "failover: " + f.name
	rec := &record.Recording{Start: record.Start{Clock: s.clock(), Scheduler: "other"}, End: &record.End{Clock: s.clock(), Reason: "done"}}
	broken := from + int64(length)/4
	interval := length / time.Duration(each)
	lost := 0
	for flow := range 2 {
		out := [2]int64{broken + int64(millis(2)), broken + int64(f.outage)}
		if flow == 1 {
			out[1] -= int64(f.outage / 5)
		}
		lost += s.flow(rec, flow, from, each, interval, out, number)
	}
	s.flows = append(s.flows, Flow{Check: name, From: "client", To: "loadBalancer/echo", Recording: rec})
	s.run.Checks = append(s.run.Checks, check.Result{
		Scenario: s.run.Scenario, Name: name, Verdict: f.verdict, Duration: length,
		Expected: "answered again within " + f.limit, Observed: observed(f, lost, 2*each), Bound: &f.bound,
		Measured: &check.Measured{Fault: f.name, Limit: f.bound.Max + millis(200), LimitIs: f.limit, Outage: f.outage, Uncertainty: millis(1),
			Outages: 1, Sent: 2 * each, Lost: lost, Before: live.Carrier{Router: "r1", Nodes: []string{"worker", "worker2"}},
			After: live.Carrier{Router: "r2", Nodes: []string{"worker", "worker2"}}, InjectBegin: broken, InjectEnd: broken + int64(millis(2))},
		Flows: []check.FlowRow{{Result: probe.Result{From: "client", To: "loadBalancer/echo"}, Before: []string{"echo-a on worker"}, After: []string{"echo-b on worker2"}, Recording: rec}},
	})
	s.event(from, timeline.LaneCheck, name, string(f.verdict), observed(f, lost, 2*each), from+int64(length), map[string]string{"expected": "answered again within " + f.limit})
	if f.outage > 0 {
		s.follow(f, broken, from+int64(length)*3/4)
	}
}

func observed(f fault, lost, sent int) string {
	switch {
	case f.verdict == check.Unknown:
		return "the prober stood still for 84 ms, so that there was no other loss is not known"
	case f.outage == 0:
		return fmt.Sprintf("no outage, 0 of %d lost", sent)
	}
	return fmt.Sprintf("out for %s, %d of %d lost", f.outage, lost, sent)
}

// flow adds attempts at an interval; attempts sent within out are lost. flow returns the number of lost attempts.
func (s *synthetic) flow(rec *record.Recording, flow int, from int64, n int, interval time.Duration, out [2]int64, seed int) (lost int) {
	rec.Start.Flows = append(rec.Start.Flows, record.Flow{Flow: flow, Target: "198.51.100.1:80", Proto: record.UDP, Interval: interval,
		Timeout: 500 * time.Millisecond, Slots: n, First: from})
	pods := []record.Answer{{Pod: "echo-7d4b9-abcde", Node: "worker"}, {Pod: "echo-7d4b9-fghij", Node: "worker2"}}
	for i := range n {
		late := int64(s.random.IntN(90_000))
		a := record.Attempt{Flow: flow, Seq: i, Sent: from + int64(i)*int64(interval) + late, Late: late}
		if a.Sent >= out[0] && a.Sent < out[1] {
			a.Error = "timeout"
			lost++
		} else {
			took := 80_000 + s.random.IntN(90_000)
			if s.random.IntN(60) == 0 {
				took += s.random.IntN(4_000_000)
			}
			a.Answered = a.Sent + int64(took)
			who := pods[(flow+seed)%2]
			if a.Sent > out[0] {
				who = pods[(flow+seed+1)%2]
			}
			a.Answer = &who
		}
		rec.Attempts = append(rec.Attempts, a)
	}
	rec.End.Flows = append(rec.End.Flows, record.FlowEnd{Flow: flow, Sent: n})
	return lost
}

// follow adds the consequences of a fault.
func (s *synthetic) follow(f fault, at, cleared int64) {
	ms := func(n int) int64 { return at + int64(millis(n)) }
	s.event(at, timeline.LaneFault, f.subject, "inject", f.name, cleared, map[string]string{"id": "f-" + f.subject, "took": "2ms"})
	s.event(ms(1), timeline.LaneNode, f.subject, "link-down", "fabric lost its carrier", 0, nil)
	s.event(ms(226), timeline.LaneVRRP, "r2 gw", "became-master", "holds 172.30.0.254 and 192.0.2.254", 0, map[string]string{"priority": "190", "before": "backup"})
	s.event(ms(228), timeline.LaneARP, "fabric", "gratuitous", "172.30.0.254 is at 02:42:ac:1e:00:0c", 0, map[string]string{"mac": "02:42:ac:1e:00:0c"})
	s.event(ms(229), timeline.LaneARP, "edge", "gratuitous", "192.0.2.254 is at 02:42:c0:00:02:0c", 0, nil)
	for i, peer := range []string{"control-plane", "worker", "worker2"} {
		s.event(ms(400+40*i), timeline.LaneBGP, "r2", "session-down", "session with "+peer+" went down: hold timer expired", 0, map[string]string{"peer": peer, "reason": "hold timer expired"})
		for j := range 6 {
			s.event(ms(401+40*i+j), timeline.LaneBGP, "r2", "withdraw", fmt.Sprintf("10.244.%d.0/24 by way of %s", j, peer), 0, nil)
			s.event(ms(402+40*i+j), timeline.LaneFIB, "r2", "route-removed", fmt.Sprintf("10.244.%d.0/24", j), 0, nil)
		}
	}
	s.event(ms(600), timeline.LaneLease, "cilium-l2announce-default-echo", "lease-taken", "worker2 holds it, worker did", 0, nil)
	s.event(ms(700), timeline.LaneEndpoints, "default/echo", "not-ready", "10.244.1.5 is out of the service", 0, nil)
	s.event(ms(720), timeline.LanePod, "echo-7d4b9-abcde", "terminating", "", 0, nil)
	s.event(ms(900), timeline.LaneAgent, "r1 bgpd", "started", "after 0.9 s", 0, nil)
	s.event(cleared, timeline.LaneFault, f.subject, "clear", f.name+" is undone", 0, nil)
}

// noise adds unimportant events at random times.
func (s *synthetic) noise(end int64) {
	at := monoStart + s.random.Int64N(end-monoStart)
	router := []string{"r1", "r2", "worker", "worker2", "control-plane"}[s.random.IntN(5)]
	kinds := []struct {
		lane                timeline.Lane
		subject, kind, text string
	}{
		{timeline.LaneBGP, router, "announce", "198.51.100.1/32 from worker2, next hop 172.30.0.4"},
		{timeline.LaneBGP, router, "withdraw", "203.0.113.50/32 from worker"},
		{timeline.LaneFIB, router, "route-added", "198.51.100.1/32 via 172.30.0.3 and 172.30.0.4"},
		{timeline.LaneARP, []string{"fabric", "edge"}[s.random.IntN(2)], "request", "who has 172.30.0.254? tell 172.30.0.3"},
		{timeline.LaneEndpoints, "default/echo", "changed", "2 endpoints"},
		{timeline.LaneLease, []string{"cilium-l2announce-default-echo", "kube-scheduler"}[s.random.IntN(2)], "renewed", "worker holds it"},
		{timeline.LanePod, fmt.Sprintf("echo-7d4b9-%c", 'a'+rune(s.random.IntN(9))), "ready", "on worker"},
	}
	k := kinds[s.random.IntN(len(kinds))]
	s.event(at, k.lane, k.subject, k.kind, k.text, 0, map[string]string{"source": "watch of " + router})
}

// looks adds checks without a fault; one of these checks failed.
func (s *synthetic) looks() {
	for _, c := range someRuns()[0].Checks {
		if c.Verdict != check.Unknown {
			s.run.Checks = append(s.run.Checks, c)
		}
	}
}

// somePlan is the default lab's.
func somePlan(t testing.TB) *plan.Plan {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "scenarios", "cilium-bgp-vrrp", "scenario.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	sc, err := scenario.Parse("scenario.yaml", data, kinds)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(sc, "cilium-bgp-vrrp", plan.Host{Taken: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// saved writes a synthetic run's folder, with a capture for each failed check.
func saved(t testing.TB, s *synthetic) string {
	t.Helper()
	dir := DirOf(t.TempDir(), s.run.Scenario, s.run.Started)
	if err := Save(dir, s.run, somePlan(t), s.events, s.flows); err != nil {
		t.Fatal(err)
	}
	for _, c := range s.run.Checks {
		if c.Verdict != check.Failed || c.Measured == nil {
			continue
		}
		kept := CaptureDir(dir, c.Name)
		if err := os.MkdirAll(kept, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"fabric", "edge", "r1-fabric"} {
			if err := os.WriteFile(filepath.Join(kept, name+".pcapng"), make([]byte, 1_234_567), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}
