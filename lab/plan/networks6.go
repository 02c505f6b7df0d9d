package plan

import (
	"cmp"
	"net/netip"
)

// nodesBits6 is the length of the nodes' IPv6 prefix. IPv6 addresses have the spelling of the IPv4 addresses beside
// them: .11 of a network's IPv4 prefix is ::11 of the IPv6 prefix, although the digits are hexadecimal. The engine
// assigns addresses to cluster nodes from ::64:0 on.
const nodesBits6 = 112

// pool6 returns the prefix for networks without an IPv6 prefix in the scenario: each gets a /64. The prefix is a unique
// local prefix (RFC 4193) with a global ID that begins with "skid" in ASCII.
func pool6() netip.Prefix { return netip.MustParsePrefix("fd73:6b69:6400::/48") }

// network6 gives a network an IPv6 prefix: the scenario's prefix, or a free prefix.
func (b *builder) network6(n *Network, given *netip.Prefix, taken []netip.Prefix) error {
	if given != nil {
		if in, ok := overlapping(*given, b.host.Taken); ok && n.Bridged() {
			return &SubnetError{Network: n.Name, Wanted: *given, Overlaps: in, IPv6: true}
		}
		n.Subnet6 = *given
	} else {
		var ok bool
		if n.Subnet6, ok = firstFree6(taken); !ok {
			return &SubnetError{Network: n.Name, IPv6: true}
		}
	}
	if n.PointToPoint {
		n.Subnet6 = netip.PrefixFrom(n.Subnet6.Addr(), 127)
		return nil
	}
	if !n.Bridged() {
		return nil
	}
	n.Host6 = at6(n.Subnet6, hostAt)
	nodes := n.Subnet6.Addr().As16()
	nodes[13] = hexDigits(nodesAt)
	n.Nodes6 = netip.PrefixFrom(netip.AddrFrom16(nodes), nodesBits6)
	return nil
}

// firstFree6 returns the first /64 of the pool without overlap with taken.
func firstFree6(taken []netip.Prefix) (netip.Prefix, bool) {
	base := pool6().Addr().As16()
	for n := 1; n < 1<<16; n++ {
		base[6], base[7] = byte(n>>8), byte(n)
		candidate := netip.PrefixFrom(netip.AddrFrom16(base), 64)
		if _, ok := overlapping(candidate, taken); !ok {
			return candidate, true
		}
	}
	return netip.Prefix{}, false
}

// at6 returns the address with the spelling ::offset (0 to 255) in a /64; invalid without a prefix.
func at6(p netip.Prefix, offset int) netip.Addr {
	if !p.IsValid() {
		return netip.Addr{}
	}
	a := p.Addr().As16()
	a[14], a[15] = byte(offset/100), hexDigits(offset%100)
	return netip.AddrFrom16(a)
}

// hexDigits returns the byte with the hexadecimal spelling of the decimal number n (0 to 99).
func hexDigits(n int) byte { return byte(n/10<<4 | n%10) }

// Addresses returns the attachment's addresses of all IP families.
func (a Attachment) Addresses() []netip.Addr {
	if !a.Address6.IsValid() {
		return []netip.Addr{a.Address}
	}
	return []netip.Addr{a.Address, a.Address6}
}

// Prefix6 returns the attachment's network prefix; invalid without IPv6.
func (a Attachment) Prefix6() netip.Prefix {
	if !a.Address6.IsValid() {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(a.Address6, cmp.Or(a.Bits6, 64)).Masked()
}
