package nexthop_test

import (
	"net/netip"
	"testing"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/nexthop"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// speaker is r1 of the default lab: nodes on one of its networks.
func speaker() plan.Router {
	return plan.Router{
		Name: "r1",
		Networks: []plan.Attachment{
			{Network: "fabric", Address: addr("10.89.0.2"), Bits: 24},
			{Network: "edge", Address: addr("192.0.2.2"), Bits: 24},
		},
		BGP: &plan.Speaker{ASN: 64513, Ranges: []plan.Range{{Name: "nodes", Prefix: netip.MustParsePrefix("10.89.0.0/24"), ASN: 64512}}},
	}
}

func TestSelf(t *testing.T) {
	r := speaker()
	tests := []struct {
		name     string
		neighbor plan.Neighbor
		ranges   []plan.Range
		want     bool
	}{
		{"internal, on the nodes' network", plan.Neighbor{Address: addr("10.89.0.3"), ASN: 64513}, r.BGP.Ranges, false},
		{"internal, on another network", plan.Neighbor{Address: addr("192.0.2.3"), ASN: 64513}, r.BGP.Ranges, true},
		{"internal, on another network, nothing from outside", plan.Neighbor{Address: addr("192.0.2.3"), ASN: 64513}, nil, false},
		{"external, where it is the rule anyway", plan.Neighbor{Address: addr("192.0.2.3"), ASN: 64514}, r.BGP.Ranges, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := speaker()
			r.BGP.Neighbors, r.BGP.Ranges = []plan.Neighbor{tt.neighbor}, tt.ranges
			if got := nexthop.Self(r, tt.neighbor); got != tt.want {
				t.Errorf("next-hop-self is %v", got)
			}
		})
	}
}
