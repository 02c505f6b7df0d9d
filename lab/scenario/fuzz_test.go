package scenario_test

import (
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/labtest/small"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// FuzzParse reads any bytes as a scenario file, and plans the lab of a valid file.
func FuzzParse(f *testing.F) {
	small.Seed(f, func(data []byte) { f.Add(data) }, "testdata/*.yaml", "../../scenarios/*/scenario.yaml", "../../scenarios/bugs/*/*.yaml")
	kinds := lab.Kinds()
	f.Fuzz(func(t *testing.T, data []byte) {
		small.Reader(t, func() {
			s, err := scenario.Parse("fuzz.yaml", data, kinds)
			if (s == nil) == (err == nil) {
				t.Errorf("seen %v and %v, want one of them", s, err)
			}
			if err != nil && err.Error() == "" {
				t.Error("seen an error without a word")
			}
			if err == nil && len(s.Spec.Routers) < 20 {
				_, _ = plan.Make(s, "fuzz", plan.Host{})
			}
		})
	})
}
