package plan_test

import (
	"errors"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestASizeThatMemoryCannotHoldIsRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		have int64 // GiB
		want string
	}{
		{"full-table/million", 2, "seen 2.0 GiB available, want 2.8 GiB by estimate"},
		{"full-table/million", 3, ""},
		{"full-table/million", 0, ""}, // unknown
		{"full-table/scenario", 1, ""},
		{"many-services/scenario", 3, "seen 3.0 GiB available, want 3.6 GiB by estimate"},
		{"many-services/scenario", 4, ""},
		{"cilium-l2/scenario", 1, ""}, // no size of its own
	} {
		s, err := scenario.Load("../../scenarios/"+c.name+".yaml", lab.Kinds())
		if err != nil {
			t.Fatal(err)
		}
		_, err = plan.Make(s, "m", plan.Host{Memory: c.have << 30})
		var refused *plan.MemoryError
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s with %d GiB: seen %v, want %q", c.name, c.have, err, c.want)
		}
	}
}

func TestMoreRoutersThanMemoryHoldsAreRefused(t *testing.T) {
	s, err := scenario.Load("../../scenarios/frr-bfd/scenario.yaml", lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	for len(s.Spec.Routers) < 200 {
		s.Spec.Routers = append(s.Spec.Routers, s.Spec.Routers[0])
	}
	_, err = plan.Make(s, "m", plan.Host{Memory: 8 << 30})
	if refused := (*plan.MemoryError)(nil); !errors.As(err, &refused) || !strings.Contains(err.Error(), "want 8.8 GiB by estimate for routers") {
		t.Errorf("200 routers with 8 GiB: seen %v, want a refusal with 8.8 GiB", err)
	}
}
