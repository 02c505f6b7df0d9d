package gobgp

import (
	"net/netip"

	"skidpad.dev/skidpad/lab/scenario"
)

type definedSets struct {
	Prefixes  []prefixSet   `yaml:"prefix-sets,omitempty"`
	Neighbors []neighborSet `yaml:"neighbor-sets,omitempty"`
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
	Prefix string `yaml:"ip-prefix"`
}

type statement struct {
	Conditions conditions `yaml:"conditions"`
	Actions    actions    `yaml:"actions"`
}

type conditions struct {
	Neighbors *match `yaml:"match-neighbor-set,omitempty"`
	Prefixes  *match `yaml:"match-prefix-set,omitempty"`
	BGP       *struct {
		RouteType string `yaml:"route-type"`
	} `yaml:"bgp-conditions,omitempty"`
}

type match struct {
	Neighbors string `yaml:"neighbor-set,omitempty"`
	Prefixes  string `yaml:"prefix-set,omitempty"`
	How       string `yaml:"match-set-options,omitempty"`
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
}

type setCommunities struct {
	How    string `yaml:"options"`
	Method struct {
		List []scenario.Community `yaml:"communities-list"`
	} `yaml:"set-community-method"`
}

func actionsOf(p *scenario.RoutePolicy) bgpActions {
	if p == nil {
		return bgpActions{}
	}
	out := bgpActions{LocalPref: p.LocalPref, MED: p.MED}
	if len(p.Communities) > 0 {
		out.Communities = &setCommunities{How: "add"}
		out.Communities.Method.List = p.Communities
	}
	return out
}

// apply adds actions for routes received from peers and for routes sent to peers. peers is a prefix or an address.
func (c *config) apply(name, peers string, received, sent bgpActions) {
	if received == (bgpActions{}) && sent == (bgpActions{}) {
		return
	}
	defined, to := c.policies()
	defined.Neighbors = append(defined.Neighbors, neighborSet{name, []string{peers}})
	for _, p := range []struct {
		name    string
		actions bgpActions
		list    *[]string
	}{{"from-" + name, received, &to.Import}, {"to-" + name, sent, &to.Export}} {
		if p.actions == (bgpActions{}) {
			continue
		}
		s := statement{Conditions: conditions{Neighbors: &match{Neighbors: name}}, Actions: actions{BGP: p.actions}}
		c.Policies = append(c.Policies, policy{p.name, []statement{s}})
		*p.list = append(*p.list, p.name)
	}
}

// announceOnly announces only prefixes among the routes from zebra: zebra passes the routes of every link.
func (c *config) announceOnly(prefixes []netip.Prefix) {
	defined, to := c.policies()
	set := prefixSet{Name: "announced"}
	for _, p := range prefixes {
		set.List = append(set.List, prefixMember{p.String()})
	}
	defined.Prefixes = append(defined.Prefixes, set)
	s := statement{Conditions: conditions{Prefixes: &match{Prefixes: set.Name, How: "invert"}}, Actions: actions{Route: "reject-route"}}
	s.Conditions.BGP = &struct {
		RouteType string `yaml:"route-type"`
	}{"local"}
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
