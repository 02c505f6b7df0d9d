package failover_test

import (
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// flows is the least number of parallel flows: enough for several nodes and, if a fault leaves both routers, both
// routers.
const flows = 4

// named returns the scenario's check of this name, with several flows at once.
func named(s *scenario.Scenario, name string) check.Check {
	GinkgoHelper()
	for _, c := range check.Of(s) {
		switch c := c.(type) {
		case *check.Failover:
			if c.Name == name {
				own := *c
				own.Probe.Flows = max(flows, own.Probe.Flows)
				own.Probe.Every = max(4*scenario.DefaultEvery, own.Probe.Every)
				return &own
			}
		case *check.Withdrawal:
			if c.Name == name {
				return c
			}
		}
	}
	Fail(fmt.Sprintf("%s has no check %q", s.Metadata.Name, name))
	return nil
}

var _ = DescribeTable("Several flows at once are answered again within the bound of the timers", Label("failover", "bgp"), Serial,
	func(ctx SpecContext, name string) {
		l := labtest.Open(ctx, "cilium-bgp-vrrp")
		Expect(l.Judge(ctx, named(l.Plan.Scenario, name))).To(labtest.Hold())
	},
	slices.Concat(
		entries("vrrp", "VRRP master killed", "return of the master", "master's fabric link down", "master's edge link down",
			"master's bgpd killed", "planned handover"),
		entries("node", "node killed", "node's link down", "eTP=Local backend removed"),
	),
)

// entries returns table entries, each for a check of the scenario.
func entries(label string, names ...string) []TableEntry {
	var all []TableEntry
	for _, name := range names {
		all = append(all, Entry("after: "+name, Label(label), name))
	}
	return all
}
