package watch

import (
	"bufio"
	"bytes"
	"net/netip"
	"testing"

	"github.com/osrg/gobgp/v4/pkg/packet/bmp"

	"skidpad.dev/skidpad/lab/labtest/small"
)

// heard returns a speaker without any state.
func heard() *speaker {
	return &speaker{router: "r1", name: nameOf, peers: map[netip.Addr]*peer{}}
}

// FuzzBMP reads any bytes as a BMP connection.
func FuzzBMP(f *testing.F) {
	a := netip.MustParseAddr("172.31.0.11")
	for _, m := range []*bmp.BMPMessage{peerUp(f, a, 0), announce(f, a, "203.0.113.0/24"), announce6(f, a, "2001:db8::/32"), peerDown(a, bmp.BMP_PEER_DOWN_REASON_REMOTE_BGP_NOTIFICATION, []byte{6, 2})} {
		data, err := m.Serialize()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		small.Reader(t, func() {
			s := heard()
			lines := bufio.NewScanner(bytes.NewReader(data))
			lines.Buffer(make([]byte, 0, 4<<10), 1<<20)
			lines.Split(bmp.SplitBMP)
			for lines.Scan() {
				if m, err := parseBMP(lines.Bytes()); err == nil {
					s.message(m)
				}
			}
			s.settled()
			s.lost("speaker-gone")
		})
	})
}

// FuzzText reads any bytes as the other inputs of a watch: tables and frames.
func FuzzText(f *testing.F) {
	f.Add([]byte("  sl  local_address rem_address   st\n   0: 0100007F:00B3 0200007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4711 1\n"))
	f.Add([]byte("4711 (bgpd) S 1 4711 4711 0 -1 4194560 0 0 0 0 1 1 0 0 20 0 1 0 12345 0 0"))
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, data []byte) {
		small.Reader(t, func() {
			_, _ = parseTCP(bytes.NewReader(data))
			_, _ = parseStat(string(data))
			_, _ = parseARP(data)
			_, _ = kernelStamp(data)
		})
	})
}
