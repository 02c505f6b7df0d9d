package metallb_test

import (
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// TestResources checks the resources of scenarios: parts that are there, and parts that are not.
func TestResources(t *testing.T) {
	for file, c := range map[string]struct{ want, not []string }{
		// Each named pool is an object of its own, with the Services that may use the pool.
		"testdata/pools.yaml": {want: []string{
			"  addresses:\n  - 10.83.8.140-10.83.8.149\n  avoidBuggyIPs: true\n  serviceAllocation:\n    serviceSelectors:\n    - matchLabels:\n        zone: inner\n",
			"  addresses:\n  - 10.83.8.160/28\n",
			"  ipAddressPools:\n  - inner\n  - outer\n",
		}},
		"../../../suites/addons/testdata/metallb-matrix.yaml": {
			want: []string{
				"  serviceAllocation:\n    namespaces:\n    - other\n",
				"  name: external-6\n  namespace: metallb-system\nspec:\n  bfdProfile: external\n  connectTime: 1s\n  holdTime: 9s\n  keepaliveTime: 3s\n  myASN: 64512\n" +
					"  passwordSecret:\n    name: skidpad-external\n    namespace: metallb-system\n  peerASN: 64513\n  peerAddress: 2001:db8:62::12\n",
				"  connectTime: 2s\n  ebgpMultiHop: true\n  holdTime: 30s\n  keepaliveTime: 5s\n  myASN: 64512\n  peerASN: 64514\n  peerAddress: 10.255.0.2\n  peerPort: 1179\n",
				"  enableGracefulRestart: true\n",
				"  - matchExpressions:\n    - key: kubernetes.io/hostname\n      operator: In\n      values:\n      - skidpad-lab-control-plane\n  peerASN: 64512\n  peerAddress: 10.62.3.15\n  sourceAddress: 10.255.1.1\n",
				"  communities:\n  - 64512:100\n  ipAddressPools:\n  - main\n  - other\n  localPref: 250\n  peers:\n  - internal\n  - internal-6\n",
				"  aggregationLength: 28\n  aggregationLengthV6: 120\n  ipAddressPools:\n  - main\n  peers:\n  - external\n  - external-6\n",
				"  ipAddressPools:\n  - main\n  - other\n  peers:\n  - far-internal\n  - far-internal-6\n  - far-external\n  - far-external-6\n  - at-10-62-3-15\n",
			},
			not: []string{"only-for-this-lab"},
		},
		"testdata/instances.yaml": {want: []string{
			"  myASN: 64512\n  nodeSelectors:\n  - matchExpressions:\n    - key: kubernetes.io/hostname\n      operator: In\n      values:\n      - skidpad-lab-control-plane\n      - skidpad-lab-worker\n",
			"  myASN: 64515\n  nodeSelectors:\n  - matchExpressions:\n    - key: kubernetes.io/hostname\n      operator: In\n      values:\n      - skidpad-lab-worker2\n",
		}},
	} {
		s, err := scenario.Load(file, lab.Kinds())
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.Make(s, "lab", plan.Host{})
		if err != nil {
			t.Fatal(err)
		}
		_, all, _ := strings.Cut(strings.Join(p.Addon("metallb").Manifests, "---\n"), "kind: IPAddressPool\n")
		for _, want := range c.want {
			if !strings.Contains(all, want) {
				t.Errorf("%s: seen\n%s\nwithout\n%s", file, all, want)
			}
		}
		for _, not := range c.not {
			if strings.Contains(all, not) {
				t.Errorf("%s: seen %s", file, not)
			}
		}
	}
}
