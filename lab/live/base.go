package live

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"skidpad.dev/skidpad/lab/plan"
)

// Base reports the differences between the lab and the plan: the findings of Status, and a gateway or API address on the
// wrong node.
func (l *Lab) Base(ctx context.Context) error {
	st, err := l.Status(ctx)
	if err != nil {
		return err
	}
	if !st.Healthy {
		return errors.New(strings.Join(st.Problems, "; "))
	}
	for i, g := range st.Gateways {
		if wanted := preferred(l.Plan, g.Name); wanted != "" && g.Holder != wanted {
			return fmt.Errorf("gateway %s is held by %s, not by %s", st.Gateways[i].Name, g.Holder, wanted)
		}
	}
	if wanted := preferredHolder(l.Plan); st.Endpoint != nil && st.Endpoint.Holder != wanted {
		return fmt.Errorf("the API's address is held by %s, not by %s", st.Endpoint.Holder, wanted)
	}
	return nil
}

// preferred returns the member that holds a gateway in a healthy lab; "" if any member may, because none preempts.
func preferred(p *plan.Plan, gateway string) string {
	best, name := 0, ""
	for _, g := range p.Gateways {
		for _, m := range g.Members {
			if g.Name == gateway && !g.NoPreempt && m.Priority > best {
				best, name = m.Priority, m.Router
			}
		}
	}
	return name
}

// preferredHolder returns the node that holds the API's address in a healthy lab: the first guard. Later guards may not
// have joined yet; the first guard always has.
func preferredHolder(p *plan.Plan) string {
	if p.Cluster == nil || p.Cluster.APIEndpoint == nil {
		return ""
	}
	return p.Cluster.APIEndpoint.Guards[0].Node
}
