package bgp

import (
	"fmt"
	"net/netip"
	"slices"
)

// Peers names those of a router's peers that a verb is about. The zero value names all.
type Peers struct {
	Ranges    []string // all of these ranges of peers, by their names in the plan
	Addresses []netip.Addr
}

// All reports whether no peer is left out.
func (p Peers) All() bool { return len(p.Ranges) == 0 && len(p.Addresses) == 0 }

// Has reports whether the peer at an address is meant, which is of a range, or of none: "".
func (p Peers) Has(address netip.Addr, of string) bool {
	return p.All() || slices.Contains(p.Addresses, address) || of != "" && slices.Contains(p.Ranges, of)
}

// Nobody is the error of a verb that has found none of them on a router; nil where all were meant, who may be none.
func (p Peers) Nobody(router string) error {
	if p.All() {
		return nil
	}
	return fmt.Errorf("router %s: seen none of the peers %v %v, want one that it has; `skidpad status` shows its sessions", router, p.Ranges, p.Addresses)
}
