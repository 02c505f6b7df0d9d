package bringup

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"skidpad.dev/skidpad/lab/agent/link"
	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/scenario"
)

// Amend brings the routers of a running lab to the native configuration, and the networks to the impairments, of a scenario that
// differs in nothing else, and records the new plan; see Amendable. The software checks each configuration first: a refused
// configuration changes nothing. Routers that do not run are left to Resume.
func Amend(ctx context.Context, l *live.Lab, s *scenario.Scenario) (*live.Lab, error) {
	p, err := l.Plan.Amend(s)
	if err != nil {
		return nil, err
	}
	impaired := !same(l.Plan.Networks, p.Networks)
	if impaired {
		if err := impairable(ctx, l, p); err != nil {
			return nil, err
		}
	}
	for i, r := range p.Routers {
		if same(l.Plan.Routers[i].Native, r.Native) {
			continue
		}
		if _, ended := l.Engine().Pid(ctx, r.Container); ended != nil {
			continue
		}
		handle, err := router.New(l.Engine(), p, r, "")
		if err != nil {
			return nil, err
		}
		if err := handle.Apply(ctx); err != nil {
			return nil, fmt.Errorf("lab %s: %w", p.Lab, err)
		}
		if was := l.Plan.Routers[i].Native; !same(filesOf(was), filesOf(r.Native)) {
			if err := handle.Restart(ctx); err != nil {
				return nil, err
			}
		} else if r.PlannedSessions() > 0 { // FRR applies a new policy to new routes only
			err := handle.Refresh(ctx, bgp.Peers{})
			if err != nil { // a peer cannot refresh its routes (RFC 2918)
				err = handle.Reset(ctx, bgp.Peers{})
			}
			if err != nil {
				return nil, err
			}
		}
	}
	if impaired {
		if err := link.Impair(ctx, l.Engine(), p); err != nil {
			return nil, err
		}
	}
	label, err := encode(kept{p, l.Images(), l.Missing()})
	if err != nil {
		return nil, err
	}
	if err := l.Engine().Keep(ctx, p.Lab, map[string]string{planLabel: label}); err != nil {
		return nil, err
	}
	return live.New(l.Engine(), p, l.Images(), l.Missing()), nil
}

// impairable returns an error if the kernel cannot make the impairments of a plan, or while faults are in force: a fault on an
// interface counts with the old impairment.
func impairable(ctx context.Context, l *live.Lab, p *plan.Plan) error {
	if skip := kernelLacks(p); skip != nil {
		return skip
	}
	dir, err := live.Dir(p.Lab)
	if err != nil {
		return err
	}
	faults, err := fault.New(l.Engine(), l.Plan, dir, nil, nil).List(ctx)
	if err != nil || len(faults) == 0 {
		return err
	}
	return fmt.Errorf("lab %s: seen the fault %q in force, want no fault while impairments change: skidpad fault clear --all --name %[1]s", p.Lab, faults[0].Fault)
}

// Amendable reports whether two scenarios differ only in the native configuration of routers and the impairments of networks.
func Amendable(a, b *scenario.Scenario) bool {
	if len(a.Spec.Routers) != len(b.Spec.Routers) || len(a.Spec.Networks) != len(b.Spec.Networks) {
		return false
	}
	plain := func(s *scenario.Scenario) *scenario.Scenario {
		c := *s
		c.Spec.Routers, c.Spec.Networks = nil, slices.Clone(s.Spec.Networks)
		for i := range c.Spec.Networks {
			c.Spec.Networks[i].Impairment = nil
		}
		for _, r := range s.Spec.Routers {
			r.NativeConfig = scenario.NativeConfig{}
			c.Spec.Routers = append(c.Spec.Routers, r)
		}
		return &c
	}
	return Same(&plan.Plan{Scenario: plain(a)}, plain(b)) == nil
}

func filesOf(n *plan.Native) []plan.File {
	if n == nil {
		return nil
	}
	return n.Files
}

// same compares values by the parts that a record keeps.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
