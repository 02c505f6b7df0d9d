// Package nexthop decides the next hop in the announcements of routers of every software.
package nexthop

import (
	"net/netip"

	"skidpad.dev/skidpad/lab/plan"
)

// Self reports whether the router must name itself as the next hop towards an internal peer.
//
// A route from outside keeps its next hop within the AS (RFC 4271, 5.1.3). The kept next hop is right if all external
// peers are on the internal peer's network: the internal peer reaches the node directly, also after the end of this
// router. An internal peer elsewhere could not resolve the next hop, since no IGP runs here.
func Self(r plan.Router, n plan.Neighbor) bool {
	if n.ASN != r.BGP.ASN {
		return false
	}
	var shared netip.Prefix
	for _, a := range r.Networks {
		for _, p := range []netip.Prefix{netip.PrefixFrom(a.Address, a.Bits).Masked(), a.Prefix6()} {
			if p.Contains(n.Address) {
				shared = p
			}
		}
	}
	for _, other := range r.BGP.Neighbors {
		if sameFamily(other.Address, n.Address) && other.ASN != r.BGP.ASN && !shared.Contains(other.Address) {
			return true
		}
	}
	for _, g := range r.BGP.Ranges {
		if sameFamily(g.Prefix.Addr(), n.Address) && g.ASN != r.BGP.ASN && !shared.Contains(g.Prefix.Addr()) {
			return true
		}
	}
	return false
}

func sameFamily(a, b netip.Addr) bool { return a.Is4() == b.Is4() }
