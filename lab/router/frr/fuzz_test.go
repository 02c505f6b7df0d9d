package frr

import (
	"testing"

	"skidpad.dev/skidpad/lab/labtest/small"
)

// FuzzRead reads any bytes as each output of vtysh.
func FuzzRead(f *testing.F) {
	small.Seed(f, func(data []byte) { f.Add(data) }, "testdata/*.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		small.Reader(t, func() {
			_, _ = parseNeighbors("r1", data)
			_, _ = parseRIB(data)
			_, _, _ = parseInstance(data)
		})
	})
}
