package kubevip

import (
	"net/netip"
	"testing"

	"skidpad.dev/skidpad/lab/scenario"
)

func TestGive(t *testing.T) {
	own := netip.MustParseAddr("198.51.100.2")
	for _, c := range []struct {
		name string
		pool scenario.Pool
		want []string // of the workloads a, b with an address of its own, c, and d of type NodePort
	}{
		{"a prefix without its first address", scenario.Pool{CIDR: netip.MustParsePrefix("198.51.100.0/24")}, []string{"198.51.100.1", "198.51.100.2", "198.51.100.3", ""}},
		{"a range with all its addresses", scenario.Pool{Range: "198.51.100.2-198.51.100.4"}, []string{"198.51.100.3", "198.51.100.2", "198.51.100.4", ""}},
		{"too few addresses", scenario.Pool{Range: "198.51.100.1-198.51.100.2"}, []string{"198.51.100.1", "198.51.100.2", "", ""}},
		{"no range", scenario.Pool{Range: "x"}, []string{"", "198.51.100.2", "", ""}},
	} {
		all := []scenario.Workload{{Echo: &scenario.Echo{}}, {Echo: &scenario.Echo{}}, {Echo: &scenario.Echo{}}, {Echo: &scenario.Echo{}}, {}}
		for i := range 4 {
			all[i].Echo.Service.Type = "LoadBalancer"
		}
		all[1].Echo.Service.LoadBalancerIP, all[3].Echo.Service.Type = &own, "NodePort"
		k := &Addon{Pools: []scenario.Pool{c.pool}}
		k.give(all)
		k.give(all) // a second call changes nothing
		for i, want := range c.want {
			seen := ""
			if a := all[i].Echo.Service.LoadBalancerIP; a != nil {
				seen = a.String()
			}
			if seen != want {
				t.Errorf("%s: workload %d: seen %q, wanted %q", c.name, i, seen, want)
			}
		}
	}
}
