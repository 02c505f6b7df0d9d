package bgp

import (
	"fmt"
	"net/netip"
	"slices"
)

// Peers selects a router's peers for a verb. The zero value selects all peers.
type Peers struct {
	Ranges    []string // all peers of these ranges, by the ranges' names in the plan
	Addresses []netip.Addr
}

// All reports whether every peer is selected.
func (p Peers) All() bool { return len(p.Ranges) == 0 && len(p.Addresses) == 0 }

// Has reports whether the peer at an address is selected. of is the name of the peer's range, or "" for a peer
// outside all ranges.
func (p Peers) Has(address netip.Addr, of string) bool {
	return p.All() || slices.Contains(p.Addresses, address) || of != "" && slices.Contains(p.Ranges, of)
}

// Nobody returns the error of a verb that found no selected peer on a router. If all peers are selected,
// Nobody returns nil, because a router may have no peers.
func (p Peers) Nobody(router string) error {
	if p.All() {
		return nil
	}
	return fmt.Errorf("router %s: seen none of the peers %v %v, want one that it has; `skidpad status` shows its sessions", router, p.Ranges, p.Addresses)
}
