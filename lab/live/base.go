package live

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"skidpad.dev/skidpad/lab/plan"
)

// Base reports what keeps the lab from being as its plan says: what Status finds, and a gateway that is not
// where it should be.
func (l *Lab) Base(ctx context.Context) error {
	st, err := l.Status(ctx)
	if err != nil {
		return err
	}
	if !st.Healthy {
		return errors.New(strings.Join(st.Problems, "; "))
	}
	for i, g := range st.Gateways {
		wanted := preferred(l.Plan, g.Name)
		if g.Holder != wanted {
			return fmt.Errorf("gateway %s is held by %s, not by %s", st.Gateways[i].Name, g.Holder, wanted)
		}
	}
	if wanted := preferredHolder(l.Plan); st.Endpoint != nil && st.Endpoint.Holder != wanted {
		return fmt.Errorf("the API's address is held by %s, not by %s", st.Endpoint.Holder, wanted)
	}
	return nil
}

// preferred is the member of a gateway that holds it when all is well.
func preferred(p *plan.Plan, gateway string) string {
	best, name := 0, ""
	for _, g := range p.Gateways {
		for _, m := range g.Members {
			if g.Name == gateway && m.Priority > best {
				best, name = m.Priority, m.Router
			}
		}
	}
	return name
}

// preferredHolder is the node that has the API's address when all is well: the first of its guards. Later ones have joined
// or not; the first always has.
func preferredHolder(p *plan.Plan) string {
	if p.Cluster == nil || p.Cluster.APIEndpoint == nil {
		return ""
	}
	return p.Cluster.APIEndpoint.Guards[0].Node
}
