package capture

import (
	"bytes"
	"net/netip"
	"testing"
)

func TestFramesOfAVLAN(t *testing.T) {
	plain := append(bytes.Repeat([]byte{2}, 12), 0x08, 0x00)
	plain = append(plain, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x1f, 0x90, 0, 7, 0, 8, 0, 0)
	p := tagged(packet{at: 1, length: len(plain), data: plain}, etherVLAN, 5<<13|100)
	if p.length != len(plain)+4 || len(p.data) != p.length || p.at != 1 {
		t.Errorf("seen %d bytes of %d, want %d", len(p.data), p.length, len(plain)+4)
	}
	if id, ok := vlanOf(p.data); !ok || id != 100 {
		t.Errorf("seen VLAN %d (%t), want 100", id, ok)
	}
	if _, ok := vlanOf(plain); ok {
		t.Error("seen a tag in a frame without a tag")
	}
	c, ok := Unwrap(p.data)
	if want := netip.MustParseAddr("192.0.2.2"); !ok || c.Dst != want || c.SrcPort != 8080 {
		t.Errorf("seen %+v, want a packet to %s from port 8080", c, want)
	}
	for _, s := range []struct {
		vlan          int
		tagged, plain bool
	}{{0, true, true}, {100, true, false}, {101, false, false}} {
		at := source{vlan: s.vlan}
		if at.takes(p.data) != s.tagged || at.takes(plain) != s.plain {
			t.Errorf("source of VLAN %d: takes the tagged frame %t, the other %t", s.vlan, at.takes(p.data), at.takes(plain))
		}
	}
	if short := tagged(packet{data: plain[:8], length: 60}, etherVLAN, 100); len(short.data) != 8 {
		t.Errorf("a cut frame: seen %d bytes", len(short.data))
	}
}
