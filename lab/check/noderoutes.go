package check

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/netns"
	"skidpad.dev/skidpad/lab/scenario"
)

// NodeRoutes promises a way to each other node's pod CIDRs in the FIB of every node: via that node if the two nodes share a
// network, else via a router of the scenario on the node's own network.
type NodeRoutes struct {
	Within scenario.Duration `json:"within,omitempty"` // default 30 s
}

// SetDefaults fills in the deadline.
func (c *NodeRoutes) SetDefaults(*scenario.Spec) { scenario.Or(&c.Within, scenario.DefaultWithin) }

// Validate checks that there are two nodes.
func (*NodeRoutes) Validate(v *scenario.Validation, path string) {
	if len(v.Spec().NodeNames()) < 2 {
		v.Add(path, "seen a check of the nodes' routes to each other, want a cluster of two nodes or more")
	}
}

// Title is the same for every scenario.
func (*NodeRoutes) Title() string { return "nodes' routes to each other's pods" }

// Cost returns Looks.
func (*NodeRoutes) Cost() Cost { return Looks }

// Sends returns nil.
func (*NodeRoutes) Sends() *scenario.Probe { return nil }

// Run has one result for all nodes.
func (c *NodeRoutes) Run(ctx context.Context, l Lab, p *plan.Plan) []Result {
	results := []Result{{
		Name:     c.Title(),
		Expected: "in every node's FIB a way to each other node's pod CIDRs: by that node where they share a network, else by a router",
	}}
	until(ctx, c.Within.Std(), results, func(ctx context.Context, open []int) {
		nodes, err := l.ClusterNodes(ctx)
		if err != nil {
			cannotLook(results, open, err)
			return
		}
		fibs := map[string][]bgp.Route{}
		for _, n := range nodes {
			handle, err := l.Node(n.Name)
			if err == nil {
				fibs[n.Name], err = netns.FIB(ctx, handle)
			}
			if err != nil {
				cannotLook(results, open, err)
				return
			}
		}
		held, observed, rows := judgeNodeRoutes(p, nodes, fibs)
		results[0].outcome(held, observed)
		results[0].Routes = rows
	})
	return results
}

// judgeNodeRoutes reports whether each node has a way to each other node's pods.
func judgeNodeRoutes(p *plan.Plan, nodes []live.ClusterNode, fibs map[string][]bgp.Route) (held bool, observed string, rows []RouteRow) {
	var problems []string
	direct, routed := 0, 0
	for _, from := range nodes {
		for _, to := range nodes {
			if from.Name == to.Name {
				continue
			}
			if len(to.PodCIDRs) == 0 {
				problems = appendNew(problems, "node "+to.Name+" has no pod CIDR")
			}
			for _, cidr := range to.PodCIDRs {
				way, neighbours := wayBetween(p, from, to, cidr)
				row := wantedRoute{prefix: cidr, of: to.Name, via: way, least: 1}.onNode(from.Name, fibs[from.Name], neighbours)
				rows = append(rows, row)
				switch {
				case row.Error != "":
					problems = append(problems, fmt.Sprintf("%s: %s of %s: %s", from.Name, cidr, to.Name, row.Error))
				case neighbours:
					direct++
				default:
					routed++
				}
			}
		}
	}
	observed = fmt.Sprintf("%d of %d are right: %d by the node itself, %d by a router", direct+routed, len(rows), direct, routed)
	if len(problems) > 0 {
		observed += "; " + strings.Join(problems, "; ")
	}
	return len(problems) == 0 && len(rows) > 0, observed, rows
}

// wayBetween are the next hops that lead from one node to another's pods, and whether the two share a network.
func wayBetween(p *plan.Plan, from, to live.ClusterNode, cidr netip.Prefix) (via []netip.Addr, neighbours bool) {
	family := func(a netip.Addr) bool { return a.Is4() == cidr.Addr().Is4() }
	on := networkOf(p, from.Addresses)
	if on == networkOf(p, to.Addresses) {
		return slices.DeleteFunc(slices.Clone(to.Addresses), func(a netip.Addr) bool { return !family(a) }), true
	}
	for _, r := range p.Routers {
		for _, a := range r.Networks {
			for _, address := range a.Addresses() {
				if a.Network == on && family(address) {
					via = append(via, address)
				}
			}
		}
	}
	return via, false
}

// networkOf names the network that a node with these addresses is on.
func networkOf(p *plan.Plan, addresses []netip.Addr) string {
	for _, n := range p.Networks {
		if slices.ContainsFunc(addresses, n.Subnet.Contains) || slices.ContainsFunc(addresses, n.Subnet6.Contains) {
			return n.Name
		}
	}
	return ""
}

// onNode judges a node's FIB. If the next hop is the other node itself, exact is true and the FIB needs a route for exactly the
// prefix. Via a router, any route to the prefix will do, such as the default route.
func (w wantedRoute) onNode(node string, fib []bgp.Route, exact bool) RouteRow {
	row := RouteRow{Router: node, Prefix: w.prefix, Of: w.of, RIB: []netip.Addr{}, FIB: hops(fib, w.prefix)}
	if !exact {
		if r, ok := bgp.Lookup(fib, w.prefix.Addr()); ok {
			row.FIB = hops(fib, r.Prefix)
		}
	}
	row.Error = w.fault(row.FIB)
	return row
}
