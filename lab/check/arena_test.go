package check

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"skidpad.dev/skidpad/lab/addon/cilium"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/bird"
	"skidpad.dev/skidpad/lab/router/frr"
	"skidpad.dev/skidpad/lab/router/gobgp"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// arena is the fake lab with a gateway, which can be broken. Time in it is the test's (testing/synctest). What packets
// do follows from who is there: with a standby they are answered again after takeover, without one they are
// not until the fault is cleared.
type arena struct {
	*fake
	mu       sync.Mutex
	standby  bool          // whether the mechanism is there: r2, graceful restart, a second node
	takeover time.Duration // how long it takes
	ownHeal  time.Duration // after which what was killed is back by itself; 0: never
	faults   []*fakeFault
	holder   string // of the lease
	moved    bool   // whether the address has moved since its holder was asked for
	healthy  func() error
	lossy    bool // now and then an attempt is lost, whatever happens
	restart  *bool
	restarts []*bool // every call of GracefulRestart
	stops    map[string]chan struct{}
	// returnsLoss is how long the end of a fault costs packets.
	returnsLoss time.Duration
	// The prober sends nothing for stall, from stallAfter after each fault on; without a fault, after the first attempt.
	stallAfter, stall time.Duration
}

func newArena() *arena {
	return &arena{fake: newFake(), standby: true, takeover: 300 * time.Millisecond, holder: "worker", stops: map[string]chan struct{}{}}
}

func (a *arena) Now() int64 { return time.Now().UnixNano() }

type fakeFault struct {
	arena      *arena
	fault      scenario.Fault
	begin, end int64
	cleared    int64
}

func (a *arena) Inject(_ context.Context, f scenario.Fault) (Injected, error) {
	verb, target := f.Verb()
	if target == "nobody" {
		return nil, errors.New("no such container")
	}
	begin := a.Now()
	time.Sleep(20 * time.Millisecond)
	a.mu.Lock()
	defer a.mu.Unlock()
	inj := &fakeFault{arena: a, fault: f, begin: begin, end: a.Now()}
	a.faults = append(a.faults, inj)
	if verb == "drain" && a.standby {
		for _, r := range a.routers {
			r.replace(&r.fib, "198.51.100.1/32", "172.30.0.4")
		}
	}
	return inj, nil
}

// lossyReturn makes every fault's end cost half a second.
func (a *arena) lossyReturn() { a.returnsLoss = 500 * time.Millisecond }

func (f *fakeFault) Window() (begin, end int64) { return f.begin, f.end }

func (f *fakeFault) Clear(context.Context) error {
	f.arena.mu.Lock()
	defer f.arena.mu.Unlock()
	if f.cleared == 0 {
		f.cleared = f.arena.Now()
	}
	return nil
}

// out reports whether an attempt sent at that time is lost.
func (a *arena) out(at int64, seq int) bool {
	if a.lossy && seq%100 == 50 {
		return true
	}
	for _, f := range a.faults {
		until := f.end + int64(a.takeover)
		switch {
		case a.standby:
		case a.ownHeal > 0:
			until = f.end + int64(a.ownHeal)
		case f.cleared > 0:
			until = f.cleared
		default:
			until = 1 << 62
		}
		if f.end <= at && at < until {
			return true
		}
		// Without preemption in order, the return costs something, too.
		if f.cleared > 0 && f.cleared <= at && at < f.cleared+int64(a.returnsLoss) {
			return true
		}
	}
	return false
}

// stalled reports whether the prober stands still at that time.
func (a *arena) stalled(at, first int64) bool {
	if len(a.faults) == 0 {
		return first+int64(a.stallAfter) <= at && at < first+int64(a.stallAfter+a.stall)
	}
	return slices.ContainsFunc(a.faults, func(f *fakeFault) bool {
		from := f.end + int64(a.stallAfter)
		return from <= at && at < from+int64(a.stall)
	})
}

func (a *arena) Base(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.healthy != nil {
		return a.healthy()
	}
	for _, f := range a.faults {
		if f.cleared == 0 && (a.ownHeal == 0 || a.Now() < f.end+int64(a.ownHeal)) {
			return errors.New("router r1: it is exited, not running")
		}
	}
	return nil
}

func (a *arena) Carrier(context.Context, string, netip.Addr) (live.Carrier, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.faults {
		if f.cleared == 0 && a.standby {
			return live.Carrier{Router: "r2", Nodes: []string{"worker2"}}, nil
		}
	}
	if a.moved {
		return live.Carrier{Nodes: []string{"worker2"}}, nil
	}
	return live.Carrier{Router: "r1", Nodes: []string{"worker", "worker2"}}, nil
}

func (a *arena) LeaseHolder(context.Context, string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.faults {
		if a.standby && f.cleared == 0 && a.Now() > f.end+int64(a.takeover) {
			return "worker2", nil
		}
	}
	return a.holder, nil
}

func (a *arena) ReleaseLease(context.Context, string) error {
	a.holder = "worker"
	return nil
}

func (a *arena) GracefulRestart(_ context.Context, on *bool) error {
	a.restart = on
	a.restarts = append(a.restarts, on)
	return nil
}

func (a *arena) Node(name string) (node.Node, error) {
	n, err := a.fake.Node(name)
	if err != nil {
		return nil, err
	}
	return arenaClient{n.(client), a}, nil
}

// arenaClient has a prober that runs until it is told to stop.
type arenaClient struct {
	client
	arena *arena
}

func (c arenaClient) Exec(ctx context.Context, cmd ...string) ([]byte, error) {
	switch {
	case cmd[0] == "test":
		c.arena.mu.Lock()
		defer c.arena.mu.Unlock()
		if c.arena.stops[cmd[2]] == nil {
			return nil, errors.New("not there yet")
		}
		return nil, nil
	case cmd[0] == "sh" && strings.HasPrefix(cmd[2], "echo"):
		return c.flow(ctx, cmd[3], cmd)
	case cmd[0] == "sh":
		c.arena.mu.Lock()
		defer c.arena.mu.Unlock()
		close(c.arena.stops[cmd[3]])
		return nil, nil
	case cmd[1] == "run":
		return c.flow(ctx, "", cmd)
	}
	return c.client.Exec(ctx, cmd...)
}

func option(cmd []string, name string) string { return cmd[slices.Index(cmd, name)+1] }

// flow sends until it is stopped, and then says what became of each attempt.
func (c arenaClient) flow(ctx context.Context, pid string, cmd []string) ([]byte, error) {
	rate, err := strconv.ParseFloat(option(cmd, "--rate"), 64)
	if err != nil {
		return nil, err
	}
	span, err := time.ParseDuration(option(cmd, "--for"))
	if err != nil {
		return nil, err
	}
	stop := make(chan struct{})
	c.arena.mu.Lock()
	c.arena.stops[pid] = stop
	c.arena.mu.Unlock()
	began := c.arena.Now()
	select {
	case <-stop:
	case <-time.After(span):
	case <-ctx.Done():
	}
	var targets []string
	for _, arg := range cmd {
		if _, err := netip.ParseAddrPort(arg); err == nil {
			targets = append(targets, arg)
		}
	}
	return c.arena.recording(began, time.Duration(float64(time.Second)/rate), targets)
}

func (a *arena) recording(began int64, interval time.Duration, targets []string) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out strings.Builder
	enc := json.NewEncoder(&out)
	var flows []record.Flow
	slots := int((a.Now() - began) / int64(interval))
	for i, t := range targets {
		flows = append(flows, record.Flow{Flow: i, Target: t, Proto: record.UDP, Interval: interval, Timeout: 500 * time.Millisecond, Slots: slots, First: began})
	}
	err := enc.Encode(record.Line{Start: &record.Start{Clock: record.Clock{Mono: began, Wall: time.Unix(0, began)}, Flows: flows}})
	end := record.End{Clock: record.Clock{Mono: a.Now()}, Reason: "signal"}
	for _, f := range flows {
		sent := 0
		for seq := range slots {
			at := record.Attempt{Flow: f.Flow, Seq: seq, Sent: f.Due(seq)}
			if a.stalled(at.Sent, f.First) {
				continue
			}
			sent++
			if a.out(at.Sent, seq) {
				at.Error = "timeout"
			} else {
				at.Answered, at.Answer = at.Sent+1e6, &record.Answer{Pod: "echo-a", Node: "worker"}
			}
			err = errors.Join(err, enc.Encode(record.Line{Attempt: &at}))
		}
		end.Flows = append(end.Flows, record.FlowEnd{Flow: f.Flow, Sent: sent, Skipped: slots - sent})
	}
	err = errors.Join(err, enc.Encode(record.Line{End: &end}))
	return []byte(out.String()), err
}

// arenaPlan is the fake's plan with a gateway that r1 and r2 guard, and leases.
func arenaPlan() *plan.Plan {
	p := thePlan()
	if err := p.Scenario.Bind(scenario.Kinds{Routers: []scenario.Member{frr.Member(), bird.Member(), gobgp.Member()}}); err != nil {
		panic(err)
	}
	p.Gateways = []plan.Gateway{{Name: "gw", AdvertInterval: 100 * time.Millisecond, Members: []plan.GatewayGuard{{Router: "r1", Priority: 200}, {Router: "r2", Priority: 190}}}}
	for i := range p.Routers {
		p.Routers[i].BGP.HoldTime, p.Routers[i].BGP.Keepalive = 9*time.Second, 3*time.Second
	}
	p.Scenario.Spec.Addons = []scenario.Addon{{Entry: scenario.Entry{Name: "cilium", Fields: &cilium.Addon{BGP: &cilium.BGP{}, L2: &cilium.L2{
		LeaseDuration: scenario.Duration(3 * time.Second), LeaseRenewDeadline: scenario.Duration(time.Second), LeaseRetryPeriod: scenario.Duration(200 * time.Millisecond),
	}}}}}
	return p
}

// Observe records nothing.
func (a *arena) Observe(context.Context, string, time.Duration) (Observation, error) {
	return noRecord{nowhere}, nil
}

func (a *arena) RouteGone(string, netip.Prefix, []netip.Addr, int64) (int64, bool) { return 0, false }

type noRecord struct{ timeline.Sink }

func (noRecord) End(context.Context, string) ([]string, error) { return nil, nil }
