package nexthop_test

import (
	"testing"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/nexthop"
	"skidpad.dev/skidpad/lab/router/internal/routertest"
)

func TestSelf(t *testing.T) {
	r := routertest.Speaker()
	tests := []struct {
		name     string
		neighbor plan.Neighbor
		ranges   []plan.Range
		want     bool
	}{
		{"internal, on the nodes' network", plan.Neighbor{Address: routertest.Addr("10.89.0.3"), ASN: 64513}, r.BGP.Ranges, false},
		{"internal, on another network", plan.Neighbor{Address: routertest.Addr("192.0.2.3"), ASN: 64513}, r.BGP.Ranges, true},
		{"internal, on another network, nothing from outside", plan.Neighbor{Address: routertest.Addr("192.0.2.3"), ASN: 64513}, nil, false},
		{"external, where it is the rule anyway", plan.Neighbor{Address: routertest.Addr("192.0.2.3"), ASN: 64514}, r.BGP.Ranges, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := routertest.Speaker()
			r.BGP.Neighbors, r.BGP.Ranges = []plan.Neighbor{tt.neighbor}, tt.ranges
			if got := nexthop.Self(r, tt.neighbor, false); got != tt.want {
				t.Errorf("next-hop-self is %v", got)
			}
		})
	}
}
