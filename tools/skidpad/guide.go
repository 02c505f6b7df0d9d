package main

import (
	"fmt"
	"slices"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
)

// guide returns commands to paste for this lab: a probe like the lab's own checks, a router's sessions, and the lab's
// end.
func guide(p *plan.Plan) []string {
	var all []string
	for _, c := range check.Of(p.Scenario) {
		if flow := c.Sends(); flow != nil {
			all = append(all, fmt.Sprintf("probe --name %s --from %s --to %s/%s --rate 100 --for 2s", p.Lab, flow.From, flow.To, flow.Workload))
			break
		}
	}
	if i := slices.IndexFunc(p.Routers, func(r plan.Router) bool { return r.BGP != nil }); i >= 0 {
		of, err := router.Of(p, p.Routers[i])
		if err == nil {
			all = append(all, fmt.Sprintf("exec --name %s %s -- %s", p.Lab, p.Routers[i].Name, of.Commands().Sessions))
		}
	}
	return append(all, "down --name "+p.Lab)
}
