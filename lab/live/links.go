package live

import (
	"context"
	"strings"

	"skidpad.dev/skidpad/lab/agent/link"
	"skidpad.dev/skidpad/lab/plan"
)

// links compares interfaces made by skidpad, loopbacks and static routes with the plan, in a lab whose scenario has any.
func (x *examination) links(ctx context.Context, running map[string]bool) {
	for _, p := range x.Plan.Places() {
		script := p.Look()
		if script == "" || !running[p.Name] || p.Home != p.Container || !x.Plan.Scenario.Spec.HasTopology() {
			continue
		}
		out, err := x.engine.Node(p.Name, p.Kind, p.Container).Exec(ctx, "sh", "-c", script)
		if err != nil {
			x.problem("%s %s: its interfaces and routes cannot be read: %v", p.Kind, p.Name, err)
			continue
		}
		for line := range strings.Lines(string(out)) {
			x.problem("%s %s: %s; `skidpad up --name %s` sets what is missing", p.Kind, p.Name, strings.TrimSpace(line), x.Plan.Lab)
		}
	}
}

// impairments reports missing impairments of networks.
func (x *examination) impairments(ctx context.Context) {
	missing, err := link.Missing(ctx, x.engine, x.Plan)
	if err != nil {
		x.problem("impairments of networks cannot be read: %v", err)
	}
	for _, m := range missing {
		x.problem("%s; `skidpad up --name %s` impairs the network again", m, x.Plan.Lab)
	}
}

// linked adds the planned addresses of interfaces made by skidpad, because the engine does not know these interfaces.
func linked(n *NodeStatus, p plan.Place) {
	for _, a := range p.Networks {
		if a.Link && n.Addresses != nil {
			n.Addresses[a.Network] = a.Address
		}
	}
}
