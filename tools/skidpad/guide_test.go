package main

import (
	"slices"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestGuideNamesWhatTheLabHas(t *testing.T) {
	reach := &check.Reach{From: "near", To: []scenario.Target{scenario.TargetPod, scenario.TargetLoadBalancer}, Workload: "web"}
	speaks := &plan.Speaker{ASN: 64513}
	for _, tt := range []struct {
		name    string
		checks  []check.Check
		routers []plan.Router
		want    []string
	}{
		{"nothing at all", nil, nil, []string{"down --name x"}},
		{"a router without BGP", nil, []plan.Router{{Name: "r1", Software: "frr"}}, []string{"down --name x"}},
		{"all", []check.Check{&check.Sessions{}, reach}, []plan.Router{{Name: "r1", Software: "frr"}, {Name: "r2", Software: "bird", BGP: speaks}},
			[]string{"probe --name x --from near --to loadBalancer/web --rate 100 --for 2s", "exec --name x r2 -- birdc show protocols", "down --name x"}},
	} {
		s := &scenario.Scenario{}
		for _, c := range tt.checks {
			s.Spec.Checks = append(s.Spec.Checks, scenario.Check{Entry: scenario.Entry{Fields: c}})
		}
		p := &plan.Plan{Lab: "x", Scenario: s, Routers: tt.routers}
		if err := s.Bind(lab.Kinds()); err != nil {
			t.Fatal(err)
		}
		if got := guide(p); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
