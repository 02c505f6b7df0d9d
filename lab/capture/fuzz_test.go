package capture

import (
	"bytes"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"

	"skidpad.dev/skidpad/lab/labtest/small"
)

// FuzzUnwrap reads any bytes as a frame.
func FuzzUnwrap(f *testing.F) {
	plain := ip4("10.244.1.5", "10.244.2.6", 6, 0, 80)
	f.Add(frameOf(plain))
	f.Add(frameOf(ip4("172.30.0.64", "172.30.0.65", protoUDP, udp(portVXLAN, append(make([]byte, 8), frameOf(plain)...)...)...)))
	f.Add(frameOf(ip4("172.30.0.64", "172.30.0.65", protoUDP, udp(portGeneve, append(make([]byte, 8), frameOf(plain)...)...)...)))
	f.Add(frameOf(ip6("fd00::1", "fd00::2", protoIPv6, ip6("fd00::3", "fd00::4", protoTCP, 0, 80)...)))
	f.Fuzz(func(t *testing.T, frame []byte) {
		small.Reader(t, func() {
			if c, ok := Unwrap(frame); ok && !c.Src.IsValid() {
				t.Errorf("a packet without a source: %+v", c)
			}
		})
	})
}

// FuzzFilter reads any bytes as the output of tcpdump -ddd.
func FuzzFilter(f *testing.F) {
	f.Add([]byte("2\n40 0 0 12\n6 0 0 262144\n"))
	f.Add([]byte("1\n6 0 0 0\n"))
	f.Fuzz(func(t *testing.T, out []byte) {
		small.Reader(t, func() {
			filter, err := parse("any", out)
			if (filter == nil) == (err == nil) {
				t.Errorf("seen %v and %v, want one of them", filter, err)
			}
			_ = filter.clipped(96)
		})
	})
}

// FuzzFile writes any bytes as packets of a capture file, and holds that a reader of pcapng finds the same packets.
func FuzzFile(f *testing.F) {
	f.Add("r1:eth0", "a comment", []byte("a packet"), 96)
	f.Add("", "", []byte{}, 0)
	f.Fuzz(func(t *testing.T, name, comment string, data []byte, longer int) {
		small.Reader(t, func() {
			var b bytes.Buffer
			file, err := newFile(&b, []source{{name: name, text: comment}}, 1<<16, comment)
			if err != nil {
				return // longer than the format's fields
			}
			p := packet{at: 1, data: data, length: len(data) + max(0, longer%(1<<16))}
			if err := file.write(name, p); err != nil {
				t.Fatal(err)
			}
			if err := file.end(nil); err != nil {
				t.Fatal(err)
			}
			r, err := pcapgo.NewNgReader(&b, pcapgo.DefaultNgReaderOptions)
			if err != nil {
				t.Fatal(err)
			}
			got, info, err := r.ReadPacketData()
			if err != nil || !bytes.Equal(got, data) || info.Length != p.length {
				t.Errorf("wrote %q of %d bytes, read %q of %d, %v", data, p.length, got, info.Length, err)
			}
		})
	})
}
