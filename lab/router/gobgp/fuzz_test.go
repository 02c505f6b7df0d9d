package gobgp

import (
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/labtest/small"
)

// FuzzRead reads any bytes as each output of gobgp.
func FuzzRead(f *testing.F) {
	small.Seed(f, func(data []byte) { f.Add(data) }, "testdata/*.json")
	f.Add([]byte("127.0.0.1:5000 Up\n"))
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, data []byte) {
		small.Reader(t, func() {
			_, _ = parseNeighbors("r1", data, now)
			_, _ = parseRIB(data)
			_ = parseStations(data)
		})
	})
}
