package fault

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/scenario"
)

// Drop lets no packet of Proto pass on that node, in Direction.
type Drop struct {
	Node string `json:"drop"`
	// Network is the network of the packets; default: all networks of the node.
	Network string `json:"network,omitempty"`
	// Peer is the other end of the packets; default: all nodes.
	Peer string `json:"peer,omitempty"`
	// Proto is the protocol: bgp (TCP port 179, RFC 4271), bfd (UDP ports 3784 and 3785, RFC 5881, and 4784, RFC 5883),
	// vrrp (IP protocol 112, RFC 9568), arp, icmp, tcp, udp, icmpv6, ospf, or the number of an IP protocol (IANA, Protocol
	// Numbers) from 1 to 255.
	Proto string `json:"proto" help:"bgp, bfd, vrrp, arp, icmp, tcp, udp, icmpv6, ospf, or an IP protocol's number"`
	// Port is a port of tcp or udp: packets to the port and packets from the port; default: all ports.
	Port int `json:"port,omitempty" jsonschema:"minimum=1,maximum=65535" help:"a port of tcp or udp"`
	// Direction is as seen from the node; default both.
	Direction string `json:"direction,omitempty" jsonschema:"enum=in,enum=out"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*Drop) About() About {
	return About{What: "one protocol or port does not pass", Requires: netdevOptions}
}

// Validate checks the node, the peer and the network.
func (f *Drop) Validate(v *scenario.Validation, path string) {
	onNetwork(v, path, "drop", f.Node, f.Network)
	if f.Peer != "" {
		otherNode(v, path+".peer", f.Node, f.Peer, f.Network)
	}
	if _, known := f.number(); f.Proto != "" && !known && !slices.Contains([]string{"bgp", "bfd", "arp"}, f.Proto) {
		v.Add(path+".proto", "seen %q, want bgp, bfd, arp, %s, or the number of an IP protocol from 1 to 255", f.Proto, strings.Join(slices.Sorted(maps.Keys(ipProtocols)), ", "))
	}
	if f.Port != 0 && f.Proto != "tcp" && f.Proto != "udp" {
		v.Add(path+".port", "seen %d with proto %s, want a port with tcp or udp only", f.Port, f.Proto)
	}
}

// ipProtocols are the numbers of IP protocols with a name here (IANA, Protocol Numbers).
var ipProtocols = map[string]uint8{"icmp": 1, "tcp": protoTCP, "udp": protoUDP, "icmpv6": 58, "ospf": 89, "vrrp": protoVRRP}

// number returns the number of the IP protocol, by its name or its number in digits.
func (f *Drop) number() (uint8, bool) {
	if n, ok := ipProtocols[f.Proto]; ok {
		return n, true
	}
	n, err := strconv.ParseUint(f.Proto, 10, 8)
	return uint8(n), err == nil && n > 0
}

// String describes the fault.
func (f *Drop) String() string {
	return words(f, fmt.Sprintf("drop %s at %s", f.Proto, strings.TrimSpace(f.Node+" "+f.Direction)), "proto", "direction")
}

// Bound is the bound of a session that ends without the packets of its protocol. Other packets pass until the session's end.
// Without VRRP both routers hold the address, and without ARP entries expire at a random time: no timer bounds this.
func (f *Drop) Bound(c Case) *bound.Bound {
	if f.Proto != "bgp" && f.Proto != "bfd" {
		return nil
	}
	c.proto = f.Proto
	b, ok := c.routesGone(f.Node)
	switch {
	case f.Peer != "":
		b = c.parted(f.Node, f.Peer)
	case ok && f.Proto == "bgp":
		return b
	default:
		b = worst(c.noticed(f.Node))
	}
	if b == nil {
		return nil
	}
	return ref(bound.Passing(*b))
}

func (f *Drop) action(s spot) action {
	return s.filter(func(ctx context.Context) ([]layer, error) { return f.layers(ctx, s) })
}

// layers drops the node's own packets of the protocol. The packets reach the node's kernel.
func (f *Drop) layers(ctx context.Context, s spot) ([]layer, error) {
	if f.Peer != "" {
		return s.between(ctx, f.Network, f.Peer, f.Direction, f.matches())
	}
	l := layer{at: s.at}
	for _, n := range s.at.on(f.Network) {
		for _, m := range f.matches() {
			l.drops = append(l.drops, both(drop{Device: s.at.device(n), Match: m}, f.Direction)...)
		}
	}
	return []layer{l}, nil
}

// matches returns the matches of the protocol's packets.
func (f *Drop) matches() []match {
	switch f.Proto {
	case "bgp":
		return []match{{L4: protoTCP, DPort: 179}, {L4: protoTCP, SPort: 179}}
	case "bfd":
		return []match{{L4: protoUDP, DPort: 3784}, {L4: protoUDP, DPort: 3785}, {L4: protoUDP, DPort: 4784}}
	case "arp":
		return []match{{Ether: etherARP}}
	}
	number, _ := f.number()
	if f.Port == 0 {
		return []match{{L4: number}}
	}
	return []match{{L4: number, DPort: uint16(f.Port)}, {L4: number, SPort: uint16(f.Port)}}
}
