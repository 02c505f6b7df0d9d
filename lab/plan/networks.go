package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"

	"skidpad.dev/skidpad/lab/scenario"
)

// Every address in a network is the network's first address plus a small number, for easy reading of packet captures. All
// these addresses lie in a network's first /24:
//
//	.1         the bridge        .64 - .127   cluster nodes (assigned by the engine)
//	.11 - .60  routers           .201 - .240  clients
//	.62        the API endpoint  .254 - .241  gateways, downwards
//
// On a further network of cluster nodes, the nodes have .128 - .191. On the nodes' own network, no part has an address from
// .128 - .191: these numbers are the router IDs of cluster nodes without an IPv4 address.
const (
	hostAt      = 1
	routersAt   = 11
	endpointAt  = 62
	nodesAt     = 64
	nodesBits   = 26
	routerIDsAt = 128
	furtherAt   = 128
	clientsAt   = 201
	gatewaysAt  = 254
	bridgeBytes = 5
)

// pools returns the prefixes for networks without a prefix in the scenario. Each such network gets a /24, in this order.
func pools() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("172.30.0.0/16"), netip.MustParsePrefix("172.29.0.0/16")}
}

// SubnetError is a network without a possible subnet on this host.
type SubnetError struct {
	Network string
	// Wanted is the scenario's prefix. Overlaps is the conflicting prefix. If the scenario gives no prefix and all pools are
	// taken, both are invalid.
	Wanted, Overlaps netip.Prefix
	IPv6             bool // true: the subnet is of IPv6
}

// Error names the conflict and the remedy.
func (e *SubnetError) Error() string {
	if e.IPv6 && !e.Wanted.IsValid() {
		return fmt.Sprintf("network %s: seen no free /64 in %s, want one: take labs down (`skidpad ls`, `skidpad down --name L`) "+
			"or give the network an ipv6 of its own", e.Network, pool6())
	}
	if e.Wanted.IsValid() {
		return fmt.Sprintf("network %s: seen %s, which overlaps %s, in use on this host, want a free prefix: "+
			"leave it out to have one found, or take down what uses it (`skidpad ls`, `ip route`)", e.Network, e.Wanted, e.Overlaps)
	}
	return fmt.Sprintf("network %s: seen no free /24 in %s or %s, want one: take labs down (`skidpad ls`, `skidpad down --name L`) "+
		"or give the network an ipv4 of its own", e.Network, pools()[0], pools()[1])
}

func (b *builder) networks() error {
	taken := b.reserved()
	for _, n := range b.spec.Networks {
		if b.spec.Cluster != nil && n.Name == b.spec.Cluster.Network && b.host.Found != nil {
			if b.host.Found.Network == nil && !slices.ContainsFunc(b.spec.Ends(n.Name), b.joins) {
				continue // no container of the lab joins the nodes
			}
			out, err := b.foreign(n)
			if err != nil {
				return err
			}
			b.Networks = append(b.Networks, out)
			continue
		}
		var subnet netip.Prefix
		if n.IPv4 != nil {
			subnet = *n.IPv4
			if in, ok := overlapping(subnet, b.host.Taken); ok && n.Bridged() {
				return &SubnetError{Network: n.Name, Wanted: subnet, Overlaps: in}
			}
		} else {
			var ok bool
			if subnet, ok = firstFree(taken); !ok {
				return &SubnetError{Network: n.Name}
			}
		}
		taken = append(taken, subnet)
		out := Network{Name: n.Name, Subnet: subnet, Masquerade: n.Masquerade, Segment: n.Segment}
		switch {
		case n.PointToPoint:
			out.Subnet = netip.PrefixFrom(subnet.Addr(), pointToPointBits(subnet))
		case n.Bridged():
			out.Docker, out.Bridge = b.name(n.Name), bridgeName(b.Lab, n.Name)
			out.Host, out.Nodes = at(subnet, hostAt), netip.PrefixFrom(at(subnet, nodesAt), nodesBits)
		}
		if b.spec.IPv6() {
			if err := b.network6(&out, n.IPv6, taken); err != nil {
				return err
			}
			taken = append(taken, out.Subnet6)
		}
		b.Networks = append(b.Networks, out)
	}
	return nil
}

// reserved returns the prefixes that no network may get: the prefixes of the host and of the scenario.
func (b *builder) reserved() []netip.Prefix {
	var all []netip.Prefix
	all = append(all, b.host.Taken...)
	for _, n := range b.spec.Networks {
		if n.IPv4 != nil {
			all = append(all, *n.IPv4)
		}
		if n.IPv6 != nil {
			all = append(all, *n.IPv6)
		}
	}
	for _, r := range b.spec.Routers {
		all = append(all, r.Loopbacks...)
	}
	if c := b.spec.Cluster; c != nil {
		for _, s := range c.Nodes {
			all = append(all, s.Loopbacks...)
		}
		all = append(all, c.PodCIDR, c.ServiceCIDR, c.PodCIDR6, c.ServiceCIDR6)
	}
	for _, a := range b.spec.Addons {
		_, pools := a.Pools()
		all = append(all, scenario.PoolPrefixes(pools)...)
	}
	for _, w := range b.spec.Workloads {
		if w.Echo != nil {
			for _, a := range w.Echo.Service.ExternalIPs {
				all = append(all, netip.PrefixFrom(a, a.BitLen()))
			}
		}
	}
	return all
}

// firstFree returns the first /24 of the pools without overlap with taken.
func firstFree(taken []netip.Prefix) (netip.Prefix, bool) {
	for _, pool := range pools() {
		base := pool.Addr().As4()
		for third := range 256 {
			base[2] = byte(third)
			candidate := netip.PrefixFrom(netip.AddrFrom4(base), 24)
			if _, ok := overlapping(candidate, taken); !ok {
				return candidate, true
			}
		}
	}
	return netip.Prefix{}, false
}

// overlapping returns the first prefix of all that overlaps p. A default route never counts as an overlap.
func overlapping(p netip.Prefix, all []netip.Prefix) (netip.Prefix, bool) {
	for _, other := range all {
		if other.IsValid() && other.Bits() > 0 && p.Overlaps(other) {
			return other, true
		}
	}
	return netip.Prefix{}, false
}

// at returns the address at an offset (0 to 255) above the first address of a prefix.
func at(p netip.Prefix, offset int) netip.Addr {
	a := p.Addr().As4()
	a[3] += byte(offset)
	return netip.AddrFrom4(a)
}

// attach returns a place on a network. offset is the place's number on a bridge; end is the name of the place.
func (b *builder) attach(network string, offset int, end string) Attachment {
	n := b.network(network)
	out := Attachment{Network: n.Name, Bits: n.Subnet.Bits(), Link: !n.Bridged() || n.Foreign}
	if n.VLAN != nil {
		out.VLAN = n.VLAN.ID
	}
	out.BondLinks = n.BondLinks()
	out.Address, out.Address6 = b.on(n, offset, end)
	if n.PointToPoint && out.Address6.IsValid() {
		out.Bits6 = n.Subnet6.Bits()
	}
	return out
}

// on returns the addresses of a place on a network. On a point-to-point network, the first end has the first address: .1
// of a /30, .0 of a /31, ::0 of a /127.
func (b *builder) on(n Network, offset int, end string) (v4, v6 netip.Addr) {
	if n.Foreign {
		return at(n.Places, offset), at6(n.Subnet6, offset)
	}
	if !n.PointToPoint {
		return at(n.Subnet, offset), at6(n.Subnet6, offset)
	}
	v4 = n.Subnet.Addr()
	if n.Subnet.Bits() == 30 {
		v4 = v4.Next()
	}
	if v6 = n.Subnet6.Addr(); !n.Subnet6.IsValid() {
		v6 = netip.Addr{}
	}
	for range slices.Index(b.spec.Ends(n.Name), end) {
		v4 = v4.Next()
		if v6.IsValid() {
			v6 = v6.Next()
		}
	}
	return v4, v6
}

// pointToPointBits is the length of a given /30 or /31, and 31 for a free /24.
func pointToPointBits(p netip.Prefix) int {
	if p.Bits() >= 30 {
		return p.Bits()
	}
	return 31
}

// bridgeName returns an interface name of 13 characters (IFNAMSIZ allows 15). Every network of every lab gets another
// name.
func bridgeName(lab, network string) string {
	sum := sha256.Sum256([]byte(lab + "/" + network))
	return "sp-" + hex.EncodeToString(sum[:bridgeBytes])
}
