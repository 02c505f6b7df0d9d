package check

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/scenario"
)

// crowd is a fake lab whose routers have the copies' addresses, and whose client gets answers from them.
type crowd struct {
	*fake
	at             map[string]netip.Addr
	absent, sticky string // an address that r2's FIB lacks, or keeps
}

func (c *crowd) Multiply(_ context.Context, workload string, count int) (Copies, error) {
	a := ip("198.18.0.0")
	for i := range count {
		c.at[fmt.Sprintf("%s-%05d", workload, i)] = a
		for _, r := range c.routers {
			r.replace(&r.rib, a.String()+"/32", "172.30.0.3")
			if r.name != "r2" || a.String() != c.absent {
				r.replace(&r.fib, a.String()+"/32", "172.30.0.3")
			}
		}
		a = a.Next()
	}
	return c, nil
}

func (c *crowd) Addresses(context.Context) (map[string]netip.Addr, error) { return c.at, nil }

func (c *crowd) Delete(_ context.Context, names ...string) error {
	for name, a := range c.at {
		if len(names) > 0 && name != names[0] {
			continue
		}
		delete(c.at, name)
		for _, r := range c.routers {
			r.remove(&r.rib, a.String()+"/32")
			if r.name != "r2" || a.String() != c.sticky {
				r.remove(&r.fib, a.String()+"/32")
			}
		}
	}
	return nil
}

func TestManyServices(t *testing.T) {
	const deleted = "198.18.0.75" // the middle of 150, in more than one batch
	for _, c := range []struct {
		name                        string
		absent, sticky, mute, ghost string
		verdict                     Verdict
		want                        string
	}{
		{name: "all right", verdict: Held, want: deleted + " withdrawn after"},
		{name: "not in a FIB", absent: "198.18.0.7", verdict: Failed, want: "149 of 150 addresses in the FIB of r2"},
		{name: "no answer", mute: "198.18.0.120", verdict: Failed, want: "149 of 150 addresses have answered"},
		{name: "not withdrawn", sticky: deleted, verdict: Failed, want: deleted + " is in the FIB of r2"},
		{name: "answers without a Service", ghost: deleted, verdict: Failed, want: deleted + " answers without a Service"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &crowd{fake: newFake(), at: map[string]netip.Addr{}, absent: c.absent, sticky: c.sticky}
			asked := 0
			l.ran = func([]string) error {
				if asked++; asked == 1 {
					return errors.New("the client is busy") // no answer is not silence: the addresses are asked again
				}
				return nil
			}
			l.answer = func(target netip.AddrPort, s *record.Shot) {
				there := false
				for _, a := range l.at {
					there = there || a == target.Addr()
				}
				if a := target.Addr().String(); !there && a != c.ghost || a == c.mute {
					s.Error, s.Answer = "timeout", nil
				}
			}
			check := &Services{Count: 150, Workload: "echo", Routers: []string{"r1", "r2"}, From: "client", Within: scenario.Duration(500 * time.Millisecond)}
			r := check.Run(t.Context(), l, thePlan())[0]
			if r.Verdict != c.verdict || !strings.Contains(r.Observed, c.want) {
				t.Errorf("seen %s, %s; want %s with %q", r.Verdict, r.Observed, c.verdict, c.want)
			}
			if len(l.at) > 0 {
				t.Errorf("%d Services are left", len(l.at))
			}
		})
	}
}
