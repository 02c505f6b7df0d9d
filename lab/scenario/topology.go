package scenario

import (
	"fmt"
	"net/netip"
)

// loopbackSpans adds the loopbacks of routers to the prefixes that must not overlap. Several routers may share a loopback
// (anycast).
func (v *Validation) loopbackSpans(add func(path, what string, p netip.Prefix)) {
	seen := map[netip.Prefix]bool{}
	for i, r := range v.spec.Routers {
		for j, p := range r.Loopbacks {
			if !seen[p] {
				add(fmt.Sprintf("spec.routers[%d].loopbacks[%d]", i, j), "loopback of "+r.Name, p)
			}
			seen[p] = true
		}
	}
}

// loopbacks checks each address for an interface lo.
func (v *Validation) loopbacks(path string, all []netip.Prefix) {
	for i, p := range all {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case !p.IsValid():
		case !p.IsSingleIP():
			v.Add(at, "seen %s, want one address, with /32 or /128", p)
		case p.Addr().Is6() && !v.spec.IPv6():
			v.Add(at, "seen %s in a lab without IPv6, want an IPv4 address, a network with ipv6, or a cluster of ipFamily dual", p)
		}
		for _, earlier := range all[:i] {
			if earlier == p {
				v.Add(at, "seen %s twice, want it once", p)
			}
		}
	}
}
