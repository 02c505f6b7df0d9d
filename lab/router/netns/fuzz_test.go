package netns

import (
	"testing"

	"skidpad.dev/skidpad/lab/labtest/small"
)

// FuzzFIB reads any bytes as the output of ip route.
func FuzzFIB(f *testing.F) {
	small.Seed(f, func(data []byte) { f.Add(data) }, "testdata/*.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		small.Reader(t, func() { _, _ = parseFIB(data) })
	})
}
