package box

import (
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/plan"
)

func TestAConfigurationsErrorHasNoPassword(t *testing.T) {
	s := &plan.Speaker{
		Neighbors: []plan.Neighbor{{Name: "r2", Peering: plan.Peering{Password: "hunter2"}}, {Name: "r3"}},
		Ranges:    []plan.Range{{Name: "nodes", Peering: plan.Peering{Password: "swordfish"}}},
	}
	got := hide(s, "line 4: neighbor r2 password hunter2\nmd5 swordfish: unknown")
	if strings.Contains(got, "hunter2") || strings.Contains(got, "swordfish") || !strings.Contains(got, "line 4: neighbor r2 password secret-") {
		t.Errorf("seen %q", got)
	}
	if got := hide(nil, "no BGP"); got != "no BGP" {
		t.Errorf("seen %q", got)
	}
}
