package gobgp

import (
	"cmp"
	"fmt"
	"net/netip"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

type definedSets struct {
	Prefixes  []prefixSet   `yaml:"prefix-sets,omitempty"`
	Neighbors []neighborSet `yaml:"neighbor-sets,omitempty"`
	BGP       *bgpSets      `yaml:"bgp-defined-sets,omitempty"`
}

type bgpSets struct {
	Communities []communitySet `yaml:"community-sets,omitempty"`
	Paths       []pathSet      `yaml:"as-path-sets,omitempty"`
}

type communitySet struct {
	Name string               `yaml:"community-set-name"`
	List []scenario.Community `yaml:"community-list"`
}

type pathSet struct {
	Name string   `yaml:"as-path-set-name"`
	List []string `yaml:"as-path-list"`
}

type neighborSet struct {
	Name string   `yaml:"neighbor-set-name"`
	List []string `yaml:"neighbor-info-list"`
}

type policy struct {
	Name       string      `yaml:"name"`
	Statements []statement `yaml:"statements"`
}

type prefixSet struct {
	Name string         `yaml:"prefix-set-name"`
	List []prefixMember `yaml:"prefix-list"`
}

type prefixMember struct {
	Prefix  string `yaml:"ip-prefix"`
	Lengths string `yaml:"masklength-range,omitempty"`
}

type statement struct {
	Conditions conditions `yaml:"conditions"`
	Actions    actions    `yaml:"actions"`
}

type conditions struct {
	Neighbors *match         `yaml:"match-neighbor-set,omitempty"`
	Prefixes  *match         `yaml:"match-prefix-set,omitempty"`
	BGP       *bgpConditions `yaml:"bgp-conditions,omitempty"`
}

type bgpConditions struct {
	RouteType   string       `yaml:"route-type,omitempty"`
	Communities *match       `yaml:"match-community-set,omitempty"`
	Path        *match       `yaml:"match-as-path-set,omitempty"`
	NextHops    []netip.Addr `yaml:"next-hop-in-list,omitempty"`
}

type match struct {
	Neighbors   string `yaml:"neighbor-set,omitempty"`
	Prefixes    string `yaml:"prefix-set,omitempty"`
	Communities string `yaml:"community-set,omitempty"`
	Path        string `yaml:"as-path-set,omitempty"`
	How         string `yaml:"match-set-options,omitempty"`
}

type actions struct {
	Route string     `yaml:"route-disposition,omitempty"`
	BGP   bgpActions `yaml:"bgp-actions,omitempty"`
}

type bgpActions struct {
	NextHop     string          `yaml:"set-next-hop,omitempty"`
	LocalPref   *uint32         `yaml:"set-local-pref,omitempty"`
	MED         *uint32         `yaml:"set-med,omitempty"`
	Communities *setCommunities `yaml:"set-community,omitempty"`
	Prepend     *prepend        `yaml:"set-as-path-prepend,omitempty"`
}

type prepend struct {
	AS    string `yaml:"as"`
	Times int    `yaml:"repeat-n"`
}

type setCommunities struct {
	How    string `yaml:"options"`
	Method struct {
		List []scenario.Community `yaml:"communities-list"`
	} `yaml:"set-community-method"`
}

// apply adds policies for the routes from peers and to peers. peers is a prefix or an address. self makes the router name
// itself as the next hop.
func (c *config) apply(r plan.Router, name, peers string, p plan.Peering, self bool) {
	if p.Import == nil && p.Export == nil && !self {
		return
	}
	defined, to := c.policies()
	defined.Neighbors = append(defined.Neighbors, neighborSet{name, []string{peers}})
	asn := cmp.Or(p.LocalASN, r.BGP.ASN)
	if p.Import != nil {
		to.Import = append(to.Import, c.add("from-"+name, name, asn, p.Import, ""))
	}
	if p.Export != nil || self {
		hop := ""
		if self {
			hop = "self"
		}
		to.Export = append(to.Export, c.add("to-"+name, name, asn, p.Export, hop))
	}
}

// add adds a policy for a set of peers, and returns the policy's name. A policy without rules takes no decision, as the
// other policies follow.
func (c *config) add(name, peers string, asn uint32, p *scenario.RoutePolicy, hop string) string {
	out := policy{Name: name}
	for _, clause := range p.Clauses(false) {
		s := statement{Conditions: c.conditions(fmt.Sprintf("%s-%d", name, clause.Seq), clause.Match)}
		s.Conditions.Neighbors = &match{Neighbors: peers}
		switch {
		case !clause.Accept:
			s.Actions.Route = "reject-route"
		default:
			s.Actions.BGP = actionsOf(clause.Set, asn)
			s.Actions.BGP.NextHop = hop
			if p.Filters() {
				s.Actions.Route = "accept-route"
			}
		}
		out.Statements = append(out.Statements, s)
	}
	c.Policies = append(c.Policies, out)
	return name
}

func actionsOf(p scenario.RouteSet, asn uint32) bgpActions {
	out := bgpActions{LocalPref: p.LocalPref, MED: p.MED}
	if len(p.Communities) > 0 {
		out.Communities = &setCommunities{How: "add"}
		out.Communities.Method.List = p.Communities
	}
	if p.Prepend > 0 {
		out.Prepend = &prepend{fmt.Sprint(asn), p.Prepend}
	}
	return out
}

// conditions defines the sets of a match, and returns the conditions on the sets.
func (c *config) conditions(name string, m *scenario.RouteMatch) conditions {
	var out conditions
	if m == nil {
		return out
	}
	defined, _ := c.policies()
	if len(m.Prefixes) > 0 {
		list := prefixSet{Name: name}
		for _, p := range m.Prefixes {
			within, least, most, _ := p.Parse() // validation has parsed it
			member := prefixMember{Prefix: within.String()}
			if least != within.Bits() || most != within.Bits() {
				member.Lengths = fmt.Sprintf("%d..%d", least, most)
			}
			list.List = append(list.List, member)
		}
		defined.Prefixes = append(defined.Prefixes, list)
		out.Prefixes = &match{Prefixes: name}
	}
	if len(m.Communities) == 0 && m.ASPath == "" && len(m.NextHops) == 0 {
		return out
	}
	out.BGP = &bgpConditions{NextHops: m.NextHops}
	if defined.BGP == nil && (len(m.Communities) > 0 || m.ASPath != "") {
		defined.BGP = &bgpSets{}
	}
	if len(m.Communities) > 0 {
		defined.BGP.Communities = append(defined.BGP.Communities, communitySet{name, m.Communities})
		out.BGP.Communities = &match{Communities: name}
	}
	if m.ASPath != "" {
		defined.BGP.Paths = append(defined.BGP.Paths, pathSet{name, []string{m.ASPath}})
		out.BGP.Path = &match{Path: name}
	}
	return out
}

// announceOnly announces only prefixes among the routes from zebra: zebra passes the routes of every link.
func (c *config) announceOnly(prefixes []netip.Prefix) {
	defined, to := c.policies()
	set := prefixSet{Name: "announced"}
	for _, p := range prefixes {
		set.List = append(set.List, prefixMember{Prefix: p.String()})
	}
	defined.Prefixes = append(defined.Prefixes, set)
	s := statement{Conditions: conditions{Prefixes: &match{Prefixes: set.Name, How: "invert"}}, Actions: actions{Route: "reject-route"}}
	s.Conditions.BGP = &bgpConditions{RouteType: "local"}
	c.Policies = append(c.Policies, policy{"announced", []statement{s}})
	to.Export = append(to.Export, "announced")
}

func (c *config) policies() (*definedSets, *apply) {
	if c.Defined == nil {
		c.Defined = &definedSets{}
	}
	if c.Global.Apply == nil {
		c.Global.Apply = &set[apply]{}
	}
	return c.Defined, &c.Global.Apply.Config
}
