package plan

import (
	"fmt"
	"net/netip"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

// Rule sends matching packets to a routing table (ip-rule(8)).
type Rule struct {
	Priority int          `json:"priority"`
	From     netip.Prefix `json:"from,omitzero"`
	To       netip.Prefix `json:"to,omitzero"`
	Dev      string       `json:"dev,omitempty"` // the receiving interface
	Table    int          `json:"table"`
}

// String returns the rule in the words of ip-rule(8).
func (r Rule) String() string {
	text := fmt.Sprintf("priority %d", r.Priority)
	if r.From.IsValid() {
		text += " from " + r.From.String()
	}
	if r.To.IsValid() {
		text += " to " + r.To.String()
	}
	if r.Dev != "" {
		text += " iif " + r.Dev
	}
	return text + fmt.Sprintf(" lookup %d", r.Table)
}

// family returns the option of ip(8) for the rule's IP family.
func (r Rule) family() string {
	if r.From.IsValid() && r.From.Addr().Is6() || r.To.IsValid() && r.To.Addr().Is6() {
		return "-6"
	}
	return "-4"
}

// nodeSettings gives a node its further networks, loopbacks, routes and rules. i is the node's number.
func (b *builder) nodeSettings(n *Node, i int) {
	s := b.spec.Cluster.Settings(n.Short)
	for _, network := range s.Networks {
		at := b.attach(network, furtherAt+i, n.Short)
		at.Link = true
		n.Further = append(n.Further, at)
	}
	home := b.spec.Cluster.Home(n.Short)
	n.Loopbacks = s.Loopbacks
	n.Static = b.staticRoutes(s.Routes, append([]string{home}, s.Networks...))
	for j := range n.Static {
		for k, h := range n.Static[j].Hops {
			if h.Dev == home {
				n.Static[j].Hops[k].Dev = NodeDevice
			}
		}
	}
	for j, r := range s.Rules {
		n.Rules = append(n.Rules, ruleOf(r, firstRule+j))
	}
}

func ruleOf(r scenario.Rule, priority int) Rule {
	out := Rule{Priority: priority, Dev: r.Network, Table: r.Table}
	if r.Priority != 0 {
		out.Priority = r.Priority
	}
	if r.From != nil {
		out.From = *r.From
	}
	if r.To != nil {
		out.To = *r.To
	}
	return out
}

// NodeDevice is a cluster node's interface on the cluster's network or the rack's.
const NodeDevice = "eth0"

// firstRule is the priority of a node's first rule, before the main table's (32766).
const firstRule = 1000

// nodesText writes the further networks, loopbacks, routes and rules of nodes.
func (p *Plan) nodesText(t *text) {
	if len(p.Scenario.Spec.Cluster.Nodes) == 0 {
		return
	}
	t.table("NODE\tFURTHER ADDRESSES\tSTATIC ROUTES\tRULES")
	for _, n := range p.Cluster.Nodes {
		var rules []string
		for _, r := range n.Rules {
			rules = append(rules, r.String())
		}
		t.row(n.Short, addresses(n.Further, n.Loopbacks...), routesText(n.Static), strings.Join(rules, ", "))
	}
}
