// Package nexthop decides the next hop in the announcements of routers of every software.
package nexthop

import (
	"net/netip"
	"slices"

	"skidpad.dev/skidpad/lab/plan"
)

// Self reports whether the router must name itself as the next hop towards an internal peer.
//
// A route from outside keeps its next hop within the AS (RFC 4271, 5.1.3). The kept next hop is right if all external
// peers are on the internal peer's network: the internal peer reaches the node directly, also after the end of this
// router. An internal peer elsewhere could not resolve the next hop, since no IGP runs here.
// v6 is the IP family of the routes.
func Self(r plan.Router, n plan.Neighbor, v6 bool) bool {
	if n.ASN != r.BGP.ASN {
		return false
	}
	var shared []netip.Prefix
	for _, a := range r.Networks {
		if on := []netip.Prefix{netip.PrefixFrom(a.Address, a.Bits).Masked(), a.Prefix6()}; contains(on, n.Address) {
			shared = on
		}
	}
	return slices.ContainsFunc(r.BGP.Neighbors, func(other plan.Neighbor) bool {
		return other.Carries(v6) && other.ASN != r.BGP.ASN && !contains(shared, other.Address)
	}) || slices.ContainsFunc(r.BGP.Ranges, func(g plan.Range) bool {
		return g.Carries(v6) && g.ASN != r.BGP.ASN && !contains(shared, g.Prefix.Addr())
	})
}

func contains(all []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Contains(a) })
}
