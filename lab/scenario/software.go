package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// Software names the software of a router: a member of Kinds.Routers. The first member is the default.
type Software string

// SoftwareFields are the Fields of a router software. Validate gets the path of the router: spec.routers[0].
type SoftwareFields interface {
	Fields
	// Abilities are the features of scenario files that the software has.
	Abilities() Abilities
}

// Abilities is a set of features that only some router software has.
type Abilities uint32

// The features.
const (
	// ForwardsByBGP: the kernel forwards by BGP routes.
	ForwardsByBGP Abilities = 1 << iota
	// AcceptsNodes: nodes may open sessions.
	AcceptsNodes
	// ShutsNodes: sessions that nodes opened can be shut down administratively.
	ShutsNodes
	// RestartsGracefully: graceful restart, RFC 4724.
	RestartsGracefully
	// ReportsRestart: sessions report whether graceful restart was negotiated.
	ReportsRestart
	// HasBFD: bidirectional forwarding detection, RFC 5880.
	HasBFD
	// ReflectsRoutes: route reflection, RFC 4456.
	ReflectsRoutes
	// LimitsPrefixes: a session ends when the peer sends more routes than the limit.
	LimitsPrefixes
	// SetsOnImport and SetsOnExport: attributes are set on received and on sent routes.
	SetsOnImport
	SetsOnExport
	// FiltersRoutes: policies have rules, and prepend.
	FiltersRoutes
	// TunesSessions: local ASN, loops of the own ASN, waiting for the peer, ports, timers and graceful restart of a session.
	TunesSessions
	// TakesSeveralASNs: the nodes behind one peer entry may have several external AS numbers.
	TakesSeveralASNs
	// AggregatesRoutes: a prefix stands for the longer routes inside.
	AggregatesRoutes
	// OriginatesDefault: a default route for one peer.
	OriginatesDefault
	// AddsPaths: ADD-PATH, RFC 7911.
	AddsPaths
	// MultihopBFD: BFD beyond one hop, RFC 5883.
	MultihopBFD
	// GeneratesTable: a table of many routes.
	GeneratesTable
	// SpeaksOSPF: the interior protocol OSPF, RFC 2328 and RFC 5340.
	SpeaksOSPF
	// ExtendsNextHops: IPv4 routes with IPv6 next hops, RFC 8950, and sessions over an interface.
	ExtendsNextHops

	allAbilities = 1<<iota - 1
)

// AllAbilities is the set of all features.
func AllAbilities() Abilities { return allAbilities }

// Software returns the member of that name, or nil.
func (k Kinds) Software(name Software) SoftwareFields {
	if m, ok := find(k.Routers, string(name)); ok {
		of, _ := m.New().(SoftwareFields)
		return of
	}
	return nil
}

// able lists the software that has all of some abilities.
func (k Kinds) able(all Abilities) []string {
	var names []string
	for _, m := range k.Routers {
		if k.Software(Software(m.Name)).Abilities()&all == all {
			names = append(names, m.Name)
		}
	}
	return names
}

// Kinds returns the members that the scenario may name.
func (s *Scenario) Kinds() Kinds {
	if s == nil {
		return Kinds{}
	}
	return s.kinds
}

// RouterAt returns the router of a path such as spec.routers[0].
func (v *Validation) RouterAt(path string) *Router {
	for i := range v.spec.Routers {
		if at := fmt.Sprintf("spec.routers[%d]", i); path == at || strings.HasPrefix(path, at+".") {
			return &v.spec.Routers[i]
		}
	}
	return nil
}

// Able reports whether a router's software has an ability. Unknown software has all abilities, because another rule reports
// the unknown name.
func (v *Validation) Able(r *Router, ability Abilities) bool {
	of := v.kinds.Software(r.Software)
	return of == nil || of.Abilities()&ability == ability
}

// Needs adds a problem if a router's software lacks an ability. seen is the request for the ability.
func (v *Validation) Needs(path string, r *Router, ability Abilities, seen string) {
	if !v.Able(r, ability) {
		v.NotYet(path, seen, orList(v.kinds.able(ability)))
	}
}

// orList joins alternatives for an error.
func orList(names []string) string {
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
	return strings.Join(names, "")
}

// software checks that a router's software has all abilities that the scenario requests of the router.
func (v *Validation) software(path string, r *Router) {
	of := v.kinds.Software(r.Software)
	if of == nil {
		return
	}
	of.Validate(v, path)
	name := string(r.Software)
	v.forwarding(r)
	if r.BGP == nil {
		return
	}
	if len(r.BGP.AnnounceStatic) > 0 {
		v.Needs(path+".bgp.announceStatic", r, TunesSessions, "it with "+name)
	}
	if r.BGP.GracefulRestart {
		v.Needs(path+".bgp.gracefulRestart", r, RestartsGracefully, "it with "+name)
	}
	for i, p := range r.BGP.Peers {
		at := fmt.Sprintf("%s.bgp.peers[%d].", path, i)
		for _, o := range []struct {
			field   string
			set     bool
			ability Abilities
		}{
			{"nodes", p.isNodes(), AcceptsNodes}, {"listen", p.Listen.IsValid(), AcceptsNodes}, {"bfd", p.BFD != nil, HasBFD}, {"routeReflectorClient", p.RouteReflectorClient, ReflectsRoutes},
			{"maxPrefixes", p.MaxPrefixes != 0, LimitsPrefixes}, {"import", p.Import != nil, SetsOnImport}, {"export", p.Export != nil, SetsOnExport},
			{"export", p.Export.Filters(), FiltersRoutes},
			{"localASN", p.LocalASN != 0, TunesSessions}, {"allowASIn", p.AllowASIn != 0, TunesSessions}, {"passive", p.Passive, TunesSessions},
			{"port", p.Port != 0, TunesSessions}, {"timers", p.Timers != nil, TunesSessions}, {"gracefulRestart", p.GracefulRestart != nil, TunesSessions},
			{"loopback", p.Loopback, TunesSessions}, {"updateSource", p.UpdateSource != "", TunesSessions}, {"addPath", p.AddPath != nil, AddsPaths},
			{"defaultOriginate", p.DefaultOriginate, OriginatesDefault},
			{"extendedNextHop", p.ExtendedNextHop && p.Unnumbered == nil, ExtendsNextHops}, {"unnumbered", p.Unnumbered != nil, ExtendsNextHops},
		} {
			if o.set {
				v.Needs(at+o.field, r, o.ability, "it with "+name)
			}
		}
	}
}

// forwarding checks that the routers of gateways, clients and racks put BGP routes into the kernel, because packets go to
// these routers.
func (v *Validation) forwarding(r *Router) {
	seen := fmt.Sprintf("%s, whose %s puts no routes into the kernel", r.Name, r.Software)
	for i, g := range v.spec.Gateways {
		if j := slices.Index(g.Members, r.Name); j >= 0 {
			v.Needs(fmt.Sprintf("spec.gateways[%d].members[%d]", i, j), r, ForwardsByBGP, seen)
		}
	}
	for i, c := range v.spec.Clients {
		if c.Router == r.Name && c.Router != "" {
			v.Needs(fmt.Sprintf("spec.clients[%d].router", i), r, ForwardsByBGP, seen)
		}
	}
	if c := v.spec.Cluster; c != nil {
		for i, rack := range c.Racks {
			if rack.Router == r.Name {
				v.Needs(fmt.Sprintf("spec.cluster.racks[%d].router", i), r, ForwardsByBGP, seen)
			}
		}
	}
}
