package scenario

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// RoutePolicy accepts or rejects routes, and sets attributes on the accepted routes. Without rules the policy accepts every
// route.
type RoutePolicy struct {
	// The attributes that stand directly in the policy are set on all accepted routes.
	RouteSet
	// Rules are tried in order. The first rule that matches a route decides.
	Rules []PolicyRule `json:"rules,omitempty"`
	// Default is the action on routes that no rule matches; default accept.
	Default PolicyAction `json:"default,omitempty" jsonschema:"enum=accept,enum=reject"`
}

// RouteSet are attributes to set on a route.
type RouteSet struct {
	Communities []Community `json:"communities,omitempty"` // added to the communities of the route
	LocalPref   *uint32     `json:"localPref,omitempty"`
	MED         *uint32     `json:"med,omitempty"`
	// Prepend adds the router's ASN to the AS path that many more times.
	Prepend int `json:"prepend,omitempty" jsonschema:"minimum=1,maximum=10"`
}

// PolicyAction is accept or reject.
type PolicyAction string

// The actions.
const (
	Accept PolicyAction = "accept"
	Reject PolicyAction = "reject"
)

// PolicyRule is a rule of a policy.
type PolicyRule struct {
	// Match selects routes; unset, the rule matches every route.
	Match *RouteMatch `json:"match,omitempty"`
	// Action is accept or reject; default accept.
	Action PolicyAction `json:"action,omitempty" jsonschema:"enum=accept,enum=reject"`
	// Set are attributes of the routes that the rule accepts, instead of the policy's attributes of the same name. Communities
	// are added to the policy's.
	Set *RouteSet `json:"set,omitempty"`
}

// RouteMatch selects routes. A route must match every field that is set; of a list, one entry must match.
type RouteMatch struct {
	// Prefixes are prefixes of the same length, 10.1.0.0/16, or with bounds of the length: 10.0.0.0/8 le 24, 10.0.0.0/8 ge 16
	// le 24.
	Prefixes    []PrefixMatch `json:"prefixes,omitempty"`
	Communities []Community   `json:"communities,omitempty"`
	// ASPath is a regular expression on the AS path, in which _ stands for the border of an AS number: ^65001_ is a route from
	// neighbour 65001, _65009$ a route of origin 65009, and ^$ a route of the AS itself. BIRD takes AS numbers, [0-9]+, .* and
	// the anchors only.
	ASPath   string       `json:"asPath,omitempty" jsonschema:"example=^65001_"`
	NextHops []netip.Addr `json:"nextHops,omitempty" jsonschema:"example=10.0.0.9,example=2001:db8::9"`
}

// PrefixMatch selects prefixes inside a prefix by their length: 10.0.0.0/8 ge 16 le 24.
type PrefixMatch string

var prefixMatchForm = regexp.MustCompile(`^(\S+)(?: ge ([0-9]{1,3}))?(?: le ([0-9]{1,3}))?$`)

// Parse returns the outer prefix and the bounds of the length.
func (m PrefixMatch) Parse() (within netip.Prefix, least, most int, err error) {
	parts := prefixMatchForm.FindStringSubmatch(string(m))
	if parts == nil {
		return within, 0, 0, fmt.Errorf("seen %q, want a prefix, perhaps with ge and le: 10.0.0.0/8 ge 16 le 24", m)
	}
	within, err = netip.ParsePrefix(parts[1])
	switch {
	case err != nil:
		return within, 0, 0, fmt.Errorf("seen %q, want a prefix such as 10.0.0.0/8", parts[1])
	case within != within.Masked():
		return within, 0, 0, fmt.Errorf("seen %s, whose host bits are set, want %s", within, within.Masked())
	}
	least, most = within.Bits(), within.Bits()
	if parts[2] != "" {
		least, _ = strconv.Atoi(parts[2])
		most = within.Addr().BitLen()
	}
	if parts[3] != "" {
		most, _ = strconv.Atoi(parts[3])
	}
	if least < within.Bits() || most < least || most > within.Addr().BitLen() {
		return within, 0, 0, fmt.Errorf("seen lengths from %d to %d, want them ascending and within %d to %d", least, most, within.Bits(), within.Addr().BitLen())
	}
	return within, least, most, nil
}

// Clause is a step of a policy for one IP family. The first clause that matches a route decides.
type Clause struct {
	Seq    int         // 10, 20 …
	Match  *RouteMatch // nil: every route
	Accept bool
	Set    RouteSet
}

// Clauses returns the steps of a policy for one IP family. The last clause matches every route. Rules with prefixes and next
// hops of the other family are left out.
func (p *RoutePolicy) Clauses(v6 bool) []Clause {
	if p == nil {
		return []Clause{{Seq: 10, Accept: true}}
	}
	var all []Clause
	add := func(match *RouteMatch, action PolicyAction, set *RouteSet) {
		c := Clause{Seq: 10 * (len(all) + 1), Match: match, Accept: action != Reject}
		if c.Accept {
			c.Set = p.with(set)
		}
		all = append(all, c)
	}
	for _, r := range p.Rules {
		if match, ok := r.Match.of(v6); ok {
			add(match, r.Action, r.Set)
		}
	}
	add(nil, p.Default, nil)
	return all
}

// with merges a rule's attributes into the policy's.
func (p *RoutePolicy) with(set *RouteSet) RouteSet {
	if set == nil {
		return p.RouteSet
	}
	out := p.RouteSet
	out.Communities = slices.Concat(p.Communities, set.Communities)
	out.LocalPref, out.MED, out.Prepend = cmp.Or(set.LocalPref, p.LocalPref), cmp.Or(set.MED, p.MED), cmp.Or(set.Prepend, p.Prepend)
	return out
}

// of returns the parts of a match for one IP family; ok is false if no route of the family can match.
func (m *RouteMatch) of(v6 bool) (out *RouteMatch, ok bool) {
	if m == nil {
		return nil, true
	}
	one := *m
	one.Prefixes = slices.DeleteFunc(slices.Clone(m.Prefixes), func(p PrefixMatch) bool {
		within, _, _, err := p.Parse()
		return err != nil || within.Addr().Is6() != v6
	})
	one.NextHops = slices.DeleteFunc(slices.Clone(m.NextHops), func(a netip.Addr) bool { return a.Is6() != v6 })
	return &one, (len(m.Prefixes) == 0 || len(one.Prefixes) > 0) && (len(m.NextHops) == 0 || len(one.NextHops) > 0)
}

// Filters reports whether the policy has parts beyond attributes.
func (p *RoutePolicy) Filters() bool {
	return p != nil && (len(p.Rules) > 0 || p.Default != "" || p.Prepend != 0)
}

var asPathForm = regexp.MustCompile(`^[0-9_^$.*+?()\[\]| -]+$`)

// policy checks a policy.
func (v *Validation) policy(at string, p *RoutePolicy) {
	if p == nil {
		return
	}
	if p.empty() && len(p.Rules) == 0 && p.Default == "" {
		v.Add(at, "seen nothing that is set, want one or more of: communities, localPref, med, prepend, rules, default")
	}
	v.communities(at, p.Communities)
	for i, r := range p.Rules {
		rule := fmt.Sprintf("%s.rules[%d]", at, i)
		v.match(rule+".match", r.Match)
		if r.Set == nil {
			continue
		}
		v.communities(rule+".set", r.Set.Communities)
		switch {
		case r.Action == Reject:
			v.Add(rule+".set", "seen attributes of routes that the rule rejects, want action accept or no set")
		case r.Set.empty():
			v.Add(rule+".set", "seen nothing that is set, want one or more of: communities, localPref, med, prepend")
		}
	}
}

func (s RouteSet) empty() bool {
	return len(s.Communities) == 0 && s.LocalPref == nil && s.MED == nil && s.Prepend == 0
}

func (v *Validation) match(at string, m *RouteMatch) {
	if m == nil {
		return
	}
	if len(m.Prefixes) == 0 && len(m.Communities) == 0 && m.ASPath == "" && len(m.NextHops) == 0 {
		v.Add(at, "seen nothing to match, want one or more of: prefixes, communities, asPath, nextHops")
	}
	for i, p := range m.Prefixes {
		if _, _, _, err := p.Parse(); err != nil {
			v.Add(fmt.Sprintf("%s.prefixes[%d]", at, i), "%v", err)
		}
	}
	v.communities(at, m.Communities)
	if m.ASPath == "" {
		return
	}
	if _, err := regexp.Compile(strings.ReplaceAll(m.ASPath, "_", " ")); err != nil || !asPathForm.MatchString(m.ASPath) {
		v.Add(at+".asPath", "seen %q, want a regular expression of AS numbers such as ^65001_", m.ASPath)
	}
}

var communityForm = regexp.MustCompile(`^([0-9]{1,5}):([0-9]{1,5})$`)

func (v *Validation) communities(at string, all []Community) {
	for i, c := range all {
		m := communityForm.FindStringSubmatch(string(c))
		ok := m != nil
		for _, half := range m {
			if n, err := strconv.Atoi(half); err == nil && n > 65535 {
				ok = false
			}
		}
		if !ok {
			v.Add(fmt.Sprintf("%s.communities[%d]", at, i), "seen %q, want two numbers up to 65535 such as 64512:100 (RFC 1997)", c)
		}
	}
}
