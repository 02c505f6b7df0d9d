package watch

import (
	"bufio"
	"bytes"
	"net/netip"
	"testing"

	"github.com/osrg/gobgp/v4/pkg/packet/bmp"
	"github.com/osrg/gobgp/v4/pkg/packet/mrt"

	"skidpad.dev/skidpad/lab/labtest/small"
)

// heard is a speaker that knows nothing yet.
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

// FuzzMRT reads any bytes as the file to which BIRD writes its sessions' messages.
func FuzzMRT(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 16, 0, 5, 0, 0, 0, 20, 0, 0, 0xfd, 0xe9, 0, 0, 0xfd, 0xea, 0, 0, 0, 1, 10, 0, 0, 1, 10, 0, 0, 2, 0, 5, 0, 6})
	f.Add(make([]byte, mrt.MRT_COMMON_HEADER_LEN))
	f.Fuzz(func(t *testing.T, data []byte) {
		small.Reader(t, func() {
			s, file := heard(), &mrtFile{rest: data}
			for {
				left := len(file.rest)
				m, err := file.next()
				if m == nil && err == nil {
					break
				}
				if len(file.rest) >= left {
					t.Fatal("a record was read without taking any byte")
				}
				if err == nil {
					s.record(m)
				}
			}
		})
	})
}

// FuzzText reads any bytes as the other things that a watch reads: configurations, tables, frames.
func FuzzText(f *testing.F) {
	f.Add([]byte("  sl  local_address rem_address   st\n   0: 0100007F:00B3 0200007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4711 1\n"))
	f.Add([]byte("4711 (bgpd) S 1 4711 4711 0 -1 4194560 0 0 0 0 1 1 0 0 20 0 1 0 12345 0 0"))
	f.Add([]byte("127.0.0.1:5000 Up\n"))
	f.Add([]byte("router bgp 64512\n bmp targets skidpad-5000\n  bmp connect 127.0.0.1 port 5000 min-retry 100 max-retry 200\n exit\nexit\n"))
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, data []byte) {
		small.Reader(t, func() {
			_, _ = parseTCP(bytes.NewReader(data))
			_, _ = parseStat(string(data))
			_ = parseGoBGPStations(data)
			_, _ = parseStations(data)
			_, _ = parseARP(data)
			_, _ = kernelStamp(data)
		})
	})
}
