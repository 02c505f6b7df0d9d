package capture

import (
	"encoding/binary"
	"net/netip"
	"sync"
)

// Carried is an IP packet as seen on a network: source, destination and encapsulation.
type Carried struct {
	Src, Dst netip.Addr
	// SrcPort is the source port of a TCP or UDP packet; 0 for other packets.
	SrcPort uint16
	// In lists the encapsulations: vxlan, geneve or ipip, outermost first; nil without encapsulation.
	In []string
}

// The numbers that identify encapsulations (IANA's registries of protocols and ports; Linux, and therefore
// Cilium, uses 8472 for VXLAN).
const (
	etherIPv4, etherIPv6 = 0x0800, 0x86dd
	protoIPv4, protoIPv6 = 4, 41
	protoTCP             = 6
	protoUDP             = 17
	portVXLAN            = 4789
	portVXLANLinux       = 8472
	portGeneve           = 6081
	mostLayers           = 4 // a limit, also for packets made to deceive
)

// Unwrap returns the innermost IP packet of an Ethernet frame; false where there is none, or it was cut too short.
//
//	Ethernet | IPv4/IPv6 | UDP 8472, 4789 | VXLAN  | Ethernet | IPv4/IPv6 | …   RFC 7348, 5
//	Ethernet | IPv4/IPv6 | UDP 6081       | Geneve | Ethernet | IPv4/IPv6 | …   RFC 8926, 3.4
//	Ethernet | IPv4/IPv6 | IPv4/IPv6 | …                                        RFC 2003, 3
//
// gopacket's layers (1.7.5) decode VXLAN on port 4789 alone, and Linux and Cilium send on port 8472.
func Unwrap(frame []byte) (Carried, bool) {
	var c Carried
	data, proto, ok := c.ether(frame)
	for range mostLayers {
		if !ok {
			return c, false
		}
		inner := c
		switch proto {
		case protoIPv4:
			inner.In = append(inner.In, "ipip")
			data, proto, ok = inner.ipv4(data)
		case protoIPv6:
			inner.In = append(inner.In, "ipip")
			data, proto, ok = inner.ipv6(data)
		case protoUDP:
			name, within := tunnelled(data)
			if name == "" {
				return c.from(data), true
			}
			inner.In = append(inner.In, name)
			data, proto, ok = inner.ether(within)
		case protoTCP:
			return c.from(data), true
		default:
			return c, true
		}
		if ok {
			c = inner
		}
	}
	return c, ok
}

// from returns the packet with the source port: the first two bytes of TCP's header (RFC 9293, 3.1) and UDP's.
func (c Carried) from(transport []byte) Carried {
	if len(transport) >= 2 {
		c.SrcPort = binary.BigEndian.Uint16(transport)
	}
	return c
}

// ether reads an Ethernet frame with an IP packet, and returns the IP packet's payload.
func (c *Carried) ether(frame []byte) (rest []byte, proto byte, ok bool) {
	if len(frame) < 14 {
		return nil, 0, false
	}
	if _, ok := vlanOf(frame); ok {
		frame = frame[tagSize:]
	}
	if len(frame) < 14 {
		return nil, 0, false
	}
	switch binary.BigEndian.Uint16(frame[12:]) {
	case etherIPv4:
		return c.ipv4(frame[14:])
	case etherIPv6:
		return c.ipv6(frame[14:])
	}
	return nil, 0, false
}

// ipv4 reads an IPv4 header (RFC 791, 3.1).
func (c *Carried) ipv4(p []byte) (rest []byte, proto byte, ok bool) {
	if len(p) < 20 || p[0]>>4 != 4 || len(p) < int(p[0]&15)*4 {
		return nil, 0, false
	}
	c.Src, c.Dst = netip.AddrFrom4([4]byte(p[12:16])), netip.AddrFrom4([4]byte(p[16:20]))
	return p[int(p[0]&15)*4:], p[9], true
}

// ipv6 reads an IPv6 header (RFC 8200, 3). Content behind an extension header is not examined.
func (c *Carried) ipv6(p []byte) (rest []byte, proto byte, ok bool) {
	if len(p) < 40 || p[0]>>4 != 6 {
		return nil, 0, false
	}
	c.Src, c.Dst = netip.AddrFrom16([16]byte(p[8:24])), netip.AddrFrom16([16]byte(p[24:40]))
	return p[40:], p[6], true
}

// tunnelled returns the frame within a UDP datagram of a tunnel, and the tunnel's name; "" if there is no
// tunnel.
func tunnelled(udp []byte) (name string, frame []byte) {
	if len(udp) < 16 {
		return "", nil
	}
	switch payload := udp[8:]; binary.BigEndian.Uint16(udp[2:]) {
	case portVXLAN, portVXLANLinux:
		return "vxlan", payload[8:]
	case portGeneve:
		options := int(payload[0]&0x3f) * 4
		if len(payload) < 8+options {
			return "", nil
		}
		return "geneve", payload[8+options:]
	}
	return "", nil
}

// Connection is a connection to an address, by the source port.
type Connection struct {
	To   netip.Addr
	From uint16
}

// ConnectionOf returns the connection of two addresses with ports; false if one of them cannot be read.
func ConnectionOf(to, from string) (Connection, bool) {
	t, err := netip.ParseAddrPort(to)
	f, fromErr := netip.ParseAddrPort(from)
	return Connection{t.Addr(), f.Port()}, err == nil && fromErr == nil
}

// Connections returns a function for Listen, which adds the connection of each packet to seen. seen may be read after the end
// of Listen.
func Connections() (seen map[Connection]bool, see func(frame []byte)) {
	var mu sync.Mutex // each link has a goroutine of its own
	seen = map[Connection]bool{}
	return seen, func(frame []byte) {
		if p, ok := Unwrap(frame); ok {
			mu.Lock()
			defer mu.Unlock()
			seen[Connection{p.Dst, p.SrcPort}] = true
		}
	}
}
