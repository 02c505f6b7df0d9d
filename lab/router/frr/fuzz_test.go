package frr

import (
	"net/netip"
	"testing"

	"skidpad.dev/skidpad/lab/labtest/small"
)

// FuzzRead reads any bytes as each output of vtysh.
func FuzzRead(f *testing.F) {
	small.Seed(f, func(data []byte) { f.Add(data) }, "testdata/*.json")
	f.Add([]byte("router bgp 64512\n bmp targets skidpad-5000\n  bmp connect 127.0.0.1 port 5000 min-retry 100 max-retry 200\n exit\nexit\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		small.Reader(t, func() {
			_, _ = parseNeighbors("r1", data, netip.ParseAddr)
			_, _ = parseRIB(data, netip.ParseAddr)
			_, _, _ = parseInstance(data)
			_, _ = parseStations(data)
			_, _ = parseOSPF(data)
			_, _ = parseOSPF6(data)
		})
	})
}
