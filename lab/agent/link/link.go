// Package link makes the parts of a lab's networks that the engine has no words for: links between the network namespaces
// of two containers, interfaces of containers on bridges beside the engine's own, sub-interfaces, settings of bridges, and impairments of
// networks. The work runs on the engine's machine: in this process or in the lab's agent.
package link

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/agent/wire"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
)

// The agent's calls. The answer of callMake lists the places with a new interface, the answer of callMissing the missing
// impairments. callAgain gets the plan's networks, and has no answer.
const (
	callMake    = "link/make"
	callMissing = "link/missing"
	callAgain   = "link/again"
)

// Ensure makes the missing links of a lab whose ends run, sets the bridges, impairs the interfaces, and repeats the routes of
// each place with a new interface. The later of two ends makes their link. A second Ensure changes nothing. booting names a
// cluster node that sets its routes by itself.
func Ensure(ctx context.Context, e *docker.Engine, p *plan.Plan, booting ...string) error {
	if len(p.Links()) == 0 && !slices.ContainsFunc(p.Bridges(), tuned) && !wire.Impaired(p) {
		return nil
	}
	c, err := agent.Of(ctx, e, p.Lab)
	if err != nil {
		return fmt.Errorf("links: %w", err)
	}
	var changed []string
	if c != nil {
		err = c.Do(ctx, callMake, nil, &changed)
	} else {
		changed, err = makeAll(ctx, e, p)
	}
	if err != nil {
		return err
	}
	for _, x := range p.Places() {
		commands := x.Commands()
		if len(commands) == 0 || !slices.Contains(changed, x.Name) || slices.Contains(booting, x.Name) {
			continue
		}
		if _, err := e.Node(x.Name, x.Kind, x.Home).Exec(ctx, "sh", "-ec", strings.Join(commands, "\n")); err != nil {
			return fmt.Errorf("routes of %s: %w", x.Name, err)
		}
	}
	return nil
}

// Missing lists the impairments of networks that should be in force and are not.
func Missing(ctx context.Context, e *docker.Engine, p *plan.Plan) (missing []string, err error) {
	if !wire.Impaired(p) {
		return nil, nil
	}
	c, err := agent.Of(ctx, e, p.Lab)
	if err != nil {
		return nil, fmt.Errorf("impairments: %w", err)
	}
	if c != nil {
		return missing, c.Do(ctx, callMissing, nil, &missing)
	}
	return missingImpairments(ctx, e, p)
}

// Impair changes the impairments of a running lab to the plan's.
func Impair(ctx context.Context, e *docker.Engine, p *plan.Plan) error {
	c, err := agent.Of(ctx, e, p.Lab)
	if err != nil {
		return fmt.Errorf("impairments: %w", err)
	}
	if c != nil {
		return c.Do(ctx, callAgain, p.Networks, nil)
	}
	return impairAll(ctx, e, p, true)
}

// Handlers returns the agent's ends of the calls in a lab.
func Handlers(e *docker.Engine, p *plan.Plan) map[string]agent.Handler {
	answer := func(do func(context.Context, *docker.Engine, *plan.Plan) ([]string, error)) agent.Handler {
		return func(ctx context.Context, s *agent.Stream) error {
			if err := s.Receive(nil); err != nil {
				return err
			}
			lines, err := do(ctx, e, p)
			if err != nil {
				return err
			}
			return s.Send(lines)
		}
	}
	return map[string]agent.Handler{
		callMake: answer(makeAll), callMissing: answer(missingImpairments),
		callAgain: func(ctx context.Context, s *agent.Stream) error {
			amended := *p
			if err := s.Receive(&amended.Networks); err != nil {
				return err
			}
			if err := impairAll(ctx, e, &amended, true); err != nil {
				return err
			}
			p.Networks = amended.Networks // for later calls of Ensure
			return s.Send(nil)
		},
	}
}

func tuned(n plan.Network) bool { return n.Snooping != nil || n.Querier || n.MulticastFlood != nil }
