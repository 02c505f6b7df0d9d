// Package link makes the parts of a lab's networks that the engine has no words for: links between the network namespaces
// of two containers, interfaces of containers on bridges beside the engine's own, and settings of bridges. The work runs
// on the engine's machine: in this process or in the lab's agent.
package link

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
)

// callMake is the agent's call. The answer lists the places with a new interface.
const callMake = "link/make"

// Ensure makes the missing links of a lab whose ends run, sets the bridges, and repeats the routes of each place with a
// new interface. The later of two ends makes their link. A second Ensure changes nothing. booting names a cluster node
// that sets its routes by itself.
func Ensure(ctx context.Context, e *docker.Engine, p *plan.Plan, booting ...string) error {
	if len(p.Links()) == 0 && !slices.ContainsFunc(p.Bridges(), tuned) {
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

// Handlers returns the agent's end of Ensure in a lab.
func Handlers(e *docker.Engine, p *plan.Plan) map[string]agent.Handler {
	return map[string]agent.Handler{callMake: func(ctx context.Context, s *agent.Stream) error {
		if err := s.Receive(nil); err != nil {
			return err
		}
		changed, err := makeAll(ctx, e, p)
		if err != nil {
			return err
		}
		return s.Send(changed)
	}}
}

func tuned(n plan.Network) bool { return n.Snooping != nil || n.Querier || n.MulticastFlood != nil }
