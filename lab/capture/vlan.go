package capture

import "encoding/binary"

// A frame with a VLAN tag (IEEE 802.1Q, 9.3):
//
//	destination 6 | source 6 | 0x8100 | priority 3 bits, DEI 1 bit, VID 12 bits | EtherType | …
const (
	etherVLAN = 0x8100
	tagAt     = 12 // bytes before the tag
	tagSize   = 4
	vidMask   = 0x0fff
)

// vlanOf returns the VLAN identifier of a frame; false without a tag.
func vlanOf(frame []byte) (id int, ok bool) {
	if len(frame) < tagAt+tagSize || binary.BigEndian.Uint16(frame[tagAt:]) != etherVLAN {
		return 0, false
	}
	return int(binary.BigEndian.Uint16(frame[tagAt+2:]) & vidMask), true
}

// tagged returns the packet with the tag that the kernel took off the frame.
func tagged(p packet, protocol, control uint16) packet {
	if len(p.data) < tagAt {
		return p
	}
	frame := make([]byte, 0, len(p.data)+tagSize)
	frame = append(frame, p.data[:tagAt]...)
	frame = binary.BigEndian.AppendUint16(frame, protocol)
	frame = binary.BigEndian.AppendUint16(frame, control)
	return packet{at: p.at, length: p.length + tagSize, data: append(frame, p.data[tagAt:]...)}
}

// takes reports whether the source records a frame.
func (s source) takes(frame []byte) bool {
	if s.vlan == 0 {
		return true
	}
	id, ok := vlanOf(frame)
	return ok && id == s.vlan
}
