package capture

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
)

func frameOf(packet []byte) []byte {
	ether := make([]byte, 14)
	binary.BigEndian.PutUint16(ether[12:], etherIPv4)
	if packet[0]>>4 == 6 {
		binary.BigEndian.PutUint16(ether[12:], etherIPv6)
	}
	return append(ether, packet...)
}

func ip4(src, dst string, proto byte, payload ...byte) []byte {
	p := make([]byte, 20)
	p[0], p[9] = 0x45, proto
	copy(p[12:], netip.MustParseAddr(src).AsSlice())
	copy(p[16:], netip.MustParseAddr(dst).AsSlice())
	return append(p, payload...)
}

func ip6(src, dst string, proto byte, payload ...byte) []byte {
	p := make([]byte, 40)
	p[0], p[6] = 0x60, proto
	copy(p[8:], netip.MustParseAddr(src).AsSlice())
	copy(p[24:], netip.MustParseAddr(dst).AsSlice())
	return append(p, payload...)
}

func udp(port uint16, payload ...byte) []byte {
	p := make([]byte, 8)
	binary.BigEndian.PutUint16(p[2:], port)
	return append(p, payload...)
}

func TestUnwrap(t *testing.T) {
	plain := ip4("10.244.1.5", "10.244.2.6", 6, 0, 80)
	plain6 := ip6("fd00::1:5", "fd00::2:6", 6, 0, 80)
	vxlan := func(port uint16, packet []byte) []byte {
		return ip4("172.30.0.64", "172.30.0.65", protoUDP, udp(port, append(make([]byte, 8), frameOf(packet)...)...)...)
	}
	geneve := append([]byte{1, 0, 0x65, 0x58, 0, 0, 0, 0, 0, 0, 0, 0}, frameOf(plain)...) // four bytes of options
	tests := []struct {
		name  string
		frame []byte
		src   string
		in    []string
	}{
		{"plain", frameOf(plain), "10.244.1.5", nil},
		{"plain IPv6", frameOf(plain6), "fd00::1:5", nil},
		{"VXLAN at Linux' port", frameOf(vxlan(portVXLANLinux, plain)), "10.244.1.5", []string{"vxlan"}},
		{"VXLAN at IANA's port", frameOf(vxlan(portVXLAN, plain6)), "fd00::1:5", []string{"vxlan"}},
		{"Geneve with options", frameOf(ip4("172.30.0.64", "172.30.0.65", protoUDP, udp(portGeneve, geneve...)...)), "10.244.1.5", []string{"geneve"}},
		{"IPv4 in IPv4", frameOf(ip4("172.30.0.64", "172.30.0.65", protoIPv4, plain...)), "10.244.1.5", []string{"ipip"}},
		{"IPv6 in IPv4", frameOf(ip4("172.30.0.64", "172.30.0.65", protoIPv6, plain6...)), "fd00::1:5", []string{"ipip"}},
		{"one within the other", frameOf(vxlan(portVXLAN, ip4("172.30.0.64", "172.30.0.65", protoIPv4, plain...))), "10.244.1.5", []string{"vxlan", "ipip"}},
		{"UDP that is no tunnel", frameOf(ip4("10.244.1.5", "10.244.2.6", protoUDP, udp(53, make([]byte, 40)...)...)), "10.244.1.5", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := Unwrap(tt.frame)
			if wanted := map[bool]uint16{true: 80}[tt.name == "plain"]; ok && wanted != 0 && got.SrcPort != wanted {
				t.Errorf("got source port %d, wanted %d", got.SrcPort, wanted)
			}
			if !ok || got.Src.String() != tt.src || !slices.Equal(got.In, tt.in) {
				t.Errorf("got %+v, %v; wanted source %s in %v", got, ok, tt.src, tt.in)
			}
		})
	}
}

func TestUnwrapSurvivesWhatIsCutShort(t *testing.T) {
	whole := frameOf(ip4("172.30.0.64", "172.30.0.65", protoUDP,
		udp(portVXLAN, append(make([]byte, 8), frameOf(ip4("10.244.1.5", "10.244.2.6", 6))...)...)...))
	for n := range whole {
		if got, ok := Unwrap(whole[:n]); ok && got.Dst.String() == "10.244.2.6" {
			t.Errorf("cut to %d of %d bytes: got %+v", n, len(whole), got)
		}
	}
	if _, ok := Unwrap(append(make([]byte, 12), 0x08, 0x06)); ok {
		t.Error("ARP was taken for an IP packet")
	}
}
