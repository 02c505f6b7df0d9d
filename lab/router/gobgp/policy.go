package gobgp

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/nexthop"
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
	Families    []string     `yaml:"afi-safi-in-list,omitempty"`
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

// apply adds policies for the routes from peers and to peers. peers is a prefix or an address.
func (c *config) apply(r plan.Router, name, peers string, peer plan.Carrier, p plan.Peering) {
	from, to := policy{Name: "from-" + name}, policy{Name: "to-" + name}
	families := plan.Families(peer)
	for _, v6 := range families {
		f := clauses{peers: name, asn: cmp.Or(p.LocalASN, r.BGP.ASN), v6: v6, several: len(families) > 1}
		if p.Import != nil {
			from.Statements = append(from.Statements, c.statements(from.Name, f, p.Import)...)
		}
		n, one := peer.(plan.Neighbor)
		switch self := one && nexthop.Self(r, n, v6); {
		case one && v6 && n.Address.Is4():
			to.Statements = append(to.Statements, ownIPv6(r, n, f, self))
		case self:
			f.hop = "self"
		}
		if p.Export != nil || f.hop != "" {
			to.Statements = append(to.Statements, c.statements(to.Name, f, p.Export)...)
		}
	}
	if len(from.Statements)+len(to.Statements) == 0 {
		return
	}
	defined, apply := c.policies()
	defined.Neighbors = append(defined.Neighbors, neighborSet{name, []string{peers}})
	for list, one := range map[*[]string]policy{&apply.Import: from, &apply.Export: to} {
		if len(one.Statements) > 0 {
			*list = append(*list, one.Name)
		}
	}
	for _, one := range []policy{from, to} {
		if len(one.Statements) > 0 {
			c.Policies = append(c.Policies, one)
		}
	}
}

// clauses is the context of statements for an IP family of a set of peers.
type clauses struct {
	peers   string
	asn     uint32
	v6      bool
	several bool   // the peers have routes of both families
	hop     string // the next hop of accepted routes; "" keeps the next hop
}

// family limits a statement to the family.
func (f clauses) family(s *conditions) {
	if !f.several {
		return
	}
	if s.BGP == nil {
		s.BGP = &bgpConditions{}
	}
	s.BGP.Families = []string{unicast(f.v6)}
}

// ownIPv6 makes the router name its IPv6 address as the next hop of IPv6 routes in a session over IPv4. GoBGP itself would name
// the IPv4 address. Routes of internal peers to an internal peer keep the next hop, unless the router must name itself.
func ownIPv6(r plan.Router, n plan.Neighbor, f clauses, self bool) statement {
	var s statement
	s.Conditions.Neighbors = &match{Neighbors: f.peers}
	f.several = true
	f.family(&s.Conditions)
	if n.ASN == r.BGP.ASN && !self {
		s.Conditions.BGP.RouteType = "local"
	}
	for _, p := range r.Loopbacks {
		if n.Loopback && p.Addr().Is6() {
			s.Actions.BGP.NextHop = cmp.Or(s.Actions.BGP.NextHop, p.Addr().String())
		}
	}
	for _, a := range r.Networks {
		if a.Address6.IsValid() && netip.PrefixFrom(a.Address, a.Bits).Masked().Contains(n.Address) {
			s.Actions.BGP.NextHop = a.Address6.String()
		}
	}
	return s
}

// statements are the steps of a policy for a family. A policy without rules takes no decision, as the other policies follow.
func (c *config) statements(name string, f clauses, p *scenario.RoutePolicy) []statement {
	var all []statement
	for _, clause := range p.Clauses(f.v6) {
		sets := fmt.Sprintf("%s-%d", name, clause.Seq)
		if f.several && f.v6 {
			sets += "/ipv6"
		}
		s := statement{Conditions: c.conditions(sets, clause.Match)}
		s.Conditions.Neighbors = &match{Neighbors: f.peers}
		f.family(&s.Conditions)
		switch {
		case !clause.Accept:
			s.Actions.Route = "reject-route"
		default:
			s.Actions.BGP = actionsOf(clause.Set, f.asn)
			s.Actions.BGP.NextHop = f.hop
			if p.Filters() {
				s.Actions.Route = "accept-route"
			}
		}
		all = append(all, s)
	}
	return all
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
func (c *config) announceOnly(r plan.Router, prefixes []netip.Prefix) {
	defined, to := c.policies()
	several := slices.ContainsFunc(r.Networks, func(a plan.Attachment) bool { return a.Address6.IsValid() })
	out := policy{Name: "announced"}
	for _, v6 := range []bool{false, true} {
		if v6 && !several {
			continue
		}
		set := prefixSet{Name: out.Name}
		if v6 {
			set.Name += "6"
		}
		for _, p := range prefixes {
			if p.Addr().Is6() == v6 {
				set.List = append(set.List, prefixMember{Prefix: p.String()})
			}
		}
		s := statement{Actions: actions{Route: "reject-route"}}
		if len(set.List) > 0 {
			defined.Prefixes = append(defined.Prefixes, set)
			s.Conditions.Prefixes = &match{Prefixes: set.Name, How: "invert"}
		}
		s.Conditions.BGP = &bgpConditions{RouteType: "local"}
		clauses{v6: v6, several: several}.family(&s.Conditions)
		out.Statements = append(out.Statements, s)
	}
	c.Policies = append(c.Policies, out)
	to.Export = append(to.Export, out.Name)
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
