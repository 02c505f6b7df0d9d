package plan_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/plan"
)

// A lever that is off leaves the rest of the plan alone.
func TestLevers(t *testing.T) {
	make := func(without ...string) *plan.Plan {
		t.Helper()
		p, err := plan.Make(load(t, defaultFile), "lab", plan.Host{Without: without})
		if err != nil {
			t.Fatal(err)
		}
		p.Hash, p.Without = "", nil
		return p
	}
	text := func(p *plan.Plan) string {
		t.Helper()
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	on := make()
	want := map[string]struct{ values, mounts []string }{
		plan.LeverObjects: {mounts: []string{"/run/cilium/compiled"}},
		plan.LeverGarbage: {values: []string{"extraEnv"}},
		plan.LeverControl: {},
		plan.LeverStart:   {values: []string{"cgroup", "daemon", "startupProbe", "sysctlfix"}},
	}
	for _, l := range plan.Levers() {
		t.Run(l.Name, func(t *testing.T) {
			off := make(l.Name)
			have, rest := on.Addons[0].Chart.Values, off.Addons[0].Chart.Values
			var values, mounts []string
			for name := range have {
				if _, ok := rest[name]; !ok {
					values = append(values, name)
				}
			}
			for _, m := range on.Cluster.Mounts {
				if !slices.Contains(off.Cluster.Mounts, m) {
					mounts = append(mounts, m.Where)
				}
			}
			slices.Sort(values)
			if w := want[l.Name]; !slices.Equal(values, w.values) || !slices.Equal(mounts, w.mounts) {
				t.Errorf("seen values %v and mounts %v, want %v", values, mounts, w)
			}
			for _, name := range values {
				rest[name] = have[name]
			}
			off.Cluster.Mounts = on.Cluster.Mounts
			if a, b := text(on), text(off); a != b {
				t.Errorf("the lever changes more of the plan:\n%s\n%s", a, b)
			}
		})
	}
	_, err := plan.Make(load(t, defaultFile), "lab", plan.Host{Without: []string{"crowbar"}})
	if err == nil || !strings.Contains(err.Error(), `"crowbar"`) {
		t.Errorf("an unknown lever: %v", err)
	}
}
