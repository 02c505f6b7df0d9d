package bgp

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// Route is a prefix and its next hops, in a RIB (BGP's routes) or in a FIB (the kernel's routes).
type Route struct {
	Prefix netip.Prefix `json:"prefix"`
	// NextHops are the next hops in use: in a RIB, the next hops of the best path and its multipath equals. None
	// means that no path is usable, or, in a FIB, that packets are dropped.
	NextHops []NextHop `json:"nextHops,omitempty"`
	Protocol string    `json:"protocol"` // bgp, kernel, static …, as iproute2 names them
	// Paths lists every learned path, used or unused; a FIB has none.
	Paths []Path `json:"paths,omitempty"`
}

// NextHop is a neighbour that receives the packets.
type NextHop struct {
	Address   netip.Addr `json:"address,omitzero"`    // invalid if the prefix is on the link itself
	Interface string     `json:"interface,omitempty"` // a RIB may not know it
}

// Path is one path to a prefix, advertised by a BGP peer.
type Path struct {
	Peer      netip.Addr   `json:"peer,omitzero"` // invalid if the route is the speaker's own
	NextHops  []netip.Addr `json:"nextHops,omitempty"`
	ASPath    string       `json:"asPath,omitempty"` // ASNs from the nearest to the origin, space-separated
	Internal  bool         `json:"internal,omitempty"`
	Valid     bool         `json:"valid"` // the next hop is reachable
	Best      bool         `json:"best,omitempty"`
	Multipath bool         `json:"multipath,omitempty"` // used beside the best
	Attributes
}

// Attributes are further path attributes (RFC 4271, 5.1). A router's table of all routes may lack some; router.Paths has all.
type Attributes struct {
	Origin    string  `json:"origin,omitempty"` // IGP, EGP or incomplete
	MED       *uint32 `json:"med,omitempty"`
	LocalPref *uint32 `json:"localPref,omitempty"`
	// Communities are in the form 64512:99 or a well-known name: no-export (RFC 1997).
	Communities      []string `json:"communities,omitempty"`
	LargeCommunities []string `json:"largeCommunities,omitempty"` // 64512:100:50 (RFC 8092)
	// Originator and Clusters are from route reflectors (RFC 4456, 8).
	Originator netip.Addr   `json:"originator,omitzero"`
	Clusters   []netip.Addr `json:"clusters,omitempty"`
}

// wellKnown are the names of well-known communities (RFC 1997, RFC 3765, RFC 8326, RFC 7999), as FRR spells them.
var wellKnown = map[string]string{
	"65535:65281": "no-export", "65535:65282": "no-advertise", "65535:65283": "local-AS", "65535:65284": "no-peer",
	"65535:0": "graceful-shutdown", "65535:666": "blackhole",
}

// Community returns the name of a well-known community, and any other community unchanged.
func Community(c string) string { return cmp.Or(wellKnown[c], c) }

// Communities reads a space-separated list.
func Communities(list string) []string {
	var all []string
	for _, c := range strings.Fields(list) {
		all = append(all, Community(c))
	}
	return all
}

// Via reports whether the route uses exactly the next hops given, in any order: its ECMP set.
func (r Route) Via(addresses ...netip.Addr) bool {
	have := make(map[netip.Addr]bool, len(r.NextHops))
	for _, h := range r.NextHops {
		have[h.Address] = true
	}
	want := make(map[netip.Addr]bool, len(addresses))
	for _, a := range addresses {
		if !have[a] {
			return false
		}
		want[a] = true
	}
	return len(have) == len(want)
}

// Unusable describes a RIB's route whose paths all lack a reachable next hop: "not usable: 192.0.2.2". For any other route the
// text is empty.
func (r Route) Unusable() string {
	var hops []string
	for _, p := range r.Paths {
		if p.Valid || len(r.NextHops) > 0 {
			return ""
		}
		by := p.NextHops
		if len(by) == 0 {
			by = []netip.Addr{p.Peer}
		}
		for _, a := range by {
			if text := a.String(); !slices.Contains(hops, text) {
				hops = append(hops, text)
			}
		}
	}
	if len(hops) == 0 {
		return ""
	}
	return "not usable: " + strings.Join(hops, " ")
}

// Lookup returns the route of a packet to the address: the longest matching prefix.
func Lookup(routes []Route, to netip.Addr) (Route, bool) {
	best, found := Route{}, false
	for _, r := range routes {
		if r.Prefix.Contains(to) && (!found || r.Prefix.Bits() > best.Prefix.Bits()) {
			best, found = r, true
		}
	}
	return best, found
}

// Find returns the route for exactly that prefix.
func Find(routes []Route, prefix netip.Prefix) (Route, bool) {
	for _, r := range routes {
		if r.Prefix == prefix {
			return r, true
		}
	}
	return Route{}, false
}

// ByPrefix returns the routes by their prefix, for many look-ups.
func ByPrefix(routes []Route) map[netip.Prefix]Route {
	all := make(map[netip.Prefix]Route, len(routes))
	for _, r := range routes {
		all[r.Prefix] = r
	}
	return all
}

// SortRoutes orders by prefix, and each route's next hops by address, so that two reads can be compared.
func SortRoutes(routes []Route) {
	for _, r := range routes {
		slices.SortFunc(r.NextHops, func(a, b NextHop) int {
			return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Interface, b.Interface))
		})
		slices.SortFunc(r.Paths, func(a, b Path) int { return a.Peer.Compare(b.Peer) })
	}
	slices.SortStableFunc(routes, func(a, b Route) int {
		return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()))
	})
}
