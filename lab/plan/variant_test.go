package plan_test

import (
	"reflect"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestWithChangesOnlyWhatItSays(t *testing.T) {
	p, err := plan.Make(load(t, defaultFile), "lab", plan.Host{Taken: prefixes("172.30.0.0/23")})
	if err != nil {
		t.Fatal(err)
	}
	same, err := p.With(func(*scenario.Spec) {})
	if err != nil || !reflect.DeepEqual(same.Routers, p.Routers) || !reflect.DeepEqual(same.Addons[0].Manifests, p.Addons[0].Manifests) {
		t.Errorf("an unchanged variant differs: %v", err)
	}
	on, err := p.With(func(s *scenario.Spec) {
		s.Routers[0].BGP.GracefulRestart = true
		*s.NodeSpeaker().GracefulRestart = true
	})
	if err != nil {
		t.Fatal(err)
	}
	if !on.Routers[0].BGP.GracefulRestart || on.Routers[1].BGP.GracefulRestart || p.Routers[0].BGP.GracefulRestart {
		t.Error("want graceful restart on r1 of the variant, and nowhere else")
	}
	if !strings.Contains(strings.Join(on.Addons[0].Manifests, ""), "gracefulRestart") || on.Networks[1].Subnet != p.Networks[1].Subnet {
		t.Errorf("want the manifests changed and the subnets kept, seen %v", on.Networks)
	}
}
