package bringup

import (
	"fmt"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/router/gateway"
	"skidpad.dev/skidpad/lab/scenario"
)

// Text returns the plan's text with the configuration of each router and of each member of a gateway. Passwords are
// left out.
func Text(p *plan.Plan) (string, error) {
	var b strings.Builder
	b.WriteString(p.Text())
	document := func(of, text string) { fmt.Fprintf(&b, "\n# configuration of %s\n%s\n", of, strings.Trim(text, "\n")) }
	for _, r := range p.Routers {
		handle, err := router.New(nil, p, withoutPasswords(r), "")
		if err != nil {
			return "", err
		}
		text, err := handle.Render()
		if err != nil {
			return "", fmt.Errorf("router %s: %w", r.Name, err)
		}
		document(r.Name+", "+string(r.Software), text)
	}
	for _, g := range p.Gateways {
		for _, m := range g.Members {
			text, err := gateway.Render(g, m)
			if err != nil {
				return "", err
			}
			document(m.Router+", gateway "+g.Name, text)
		}
	}
	return b.String(), nil
}

// withoutPasswords returns the router with another word in place of each password.
func withoutPasswords(r plan.Router) plan.Router {
	const instead = scenario.Secret("not-shown")
	if r.BGP == nil {
		return r
	}
	speaker := *r.BGP
	speaker.Neighbors, speaker.Ranges = slices.Clone(speaker.Neighbors), slices.Clone(speaker.Ranges)
	for i := range speaker.Neighbors {
		if n := &speaker.Neighbors[i]; n.Password != "" {
			n.Password = instead
		}
	}
	for i := range speaker.Ranges {
		if g := &speaker.Ranges[i]; g.Password != "" {
			g.Password = instead
		}
	}
	r.BGP = &speaker
	return r
}
