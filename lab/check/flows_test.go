package check

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/hubble"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/scenario"
)

// observed is the fake lab with Hubble's report of every connection of the client, and a policy.
type observed struct {
	*fake
	denied, undone bool
	silent         bool // Hubble tells nothing
	leaky          bool // the policy denies nothing
	stuck          error
}

func (o *observed) HubbleFlows(context.Context, netip.Addr, time.Time) ([]hubble.Flow, error) {
	if o.silent {
		return nil, nil
	}
	f := hubble.Flow{Verdict: FlowForwarded, Node: "worker", Protocol: "TCP", Pod: "default/echo-a",
		Source: netip.MustParseAddrPort("192.0.2.9:4000"), Destination: netip.MustParseAddrPort("10.244.1.5:8080")}
	other := f
	other.Pod = "default/echo-b"
	if o.denied && !o.undone {
		f.Verdict, f.Reason = FlowDropped, "POLICY_DENIED"
		return []hubble.Flow{f}, nil
	}
	return []hubble.Flow{f, other}, nil
}

func (o *observed) Deny(context.Context, string) (func(context.Context) error, error) {
	o.denied = true
	if !o.leaky {
		o.answer = func(_ netip.AddrPort, s *record.Shot) { s.Answer, s.Error = nil, "timeout" }
	}
	return func(context.Context) error {
		o.undone, o.answer = true, nil
		return o.stuck
	}, nil
}

func flowsOf(o *observed, verdict string) Result {
	p := thePlan()
	p.Workloads[0].Namespace, p.Workloads[0].Ports.HTTP = "default", 8080
	c := Flows{From: "client", To: scenario.TargetLoadBalancer, Workload: "echo", Verdict: verdict, Within: scenario.Duration(400 * time.Millisecond)}
	return c.Run(context.Background(), o, p)[0]
}

func TestFlows(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*observed)
		verdict string
		want    Verdict
		says    string
	}{
		"forwarded":                      {verdict: FlowForwarded, want: Held, says: "FORWARDED from 192.0.2.9"},
		"forwarded-and-not-told":         {func(o *observed) { o.silent = true }, FlowForwarded, Failed, "it tells none at all"},
		"dropped":                        {verdict: FlowDropped, want: Held, says: "DROPPED (POLICY_DENIED)"},
		"dropped-and-answered-still":     {func(o *observed) { o.leaky = true }, FlowDropped, Failed, "is answered still"},
		"dropped-and-not-well-before":    {func(o *observed) { o.silent = true }, FlowDropped, Failed, "before anything was denied"},
		"dropped-and-policy-not-removed": {func(o *observed) { o.stuck = errors.New("stuck") }, FlowDropped, Held, "DROPPED"},
	} {
		t.Run(name, func(t *testing.T) {
			o := &observed{fake: newFake()}
			if c.change != nil {
				c.change(o)
			}
			r := flowsOf(o, c.verdict)
			if r.Verdict != c.want || !strings.Contains(r.Observed, c.says) {
				t.Errorf("seen %s: %s; want %s with %q", r.Verdict, r.Observed, c.want, c.says)
			}
			if (r.unrestored != nil) != (o.stuck != nil) {
				t.Errorf("unrestored: seen %v, want it only where the policy stayed", r.unrestored)
			}
			if o.denied && !o.undone {
				t.Error("the policy was left")
			}
		})
	}
}
