package metallb_test

import (
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// TestPoolsOfServices checks that each named pool is an object of its own, with the Services that may use the pool.
func TestPoolsOfServices(t *testing.T) {
	s, err := scenario.Load("testdata/pools.yaml", lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(s, "lab", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(p.Addon("metallb").Manifests, "---\n")
	for _, want := range []string{
		"  addresses:\n  - 10.83.8.140-10.83.8.149\n  avoidBuggyIPs: true\n  serviceAllocation:\n    serviceSelectors:\n    - matchLabels:\n        zone: inner\n",
		"  addresses:\n  - 10.83.8.160/28\n",
		"  ipAddressPools:\n  - inner\n  - outer\n",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("seen\n%s\nwithout\n%s", all, want)
		}
	}
}
