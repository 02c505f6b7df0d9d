package plan

import "net/netip"

// HardwareAddr returns the MAC address of an interface with an IPv4 address of the plan, as the engine derives MACs.
func HardwareAddr(a netip.Addr) []byte {
	ip := a.As4()
	return []byte{0x02, 0x42, ip[0], ip[1], ip[2], ip[3]}
}

// LinkLocal returns the IPv6 address that the kernel gives the interface of a link: the address from the MAC (RFC 4291,
// appendix A).
func (a Attachment) LinkLocal() netip.Addr {
	m := HardwareAddr(a.Address)
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: m[0] ^ 0x02, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]})
}
