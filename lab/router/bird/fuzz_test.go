package bird

import (
	"testing"

	"skidpad.dev/skidpad/lab/labtest/small"
)

// FuzzRead reads any bytes as each output of birdc.
func FuzzRead(f *testing.F) {
	small.Seed(f, func(data []byte) { f.Add(data) }, "testdata/*.txt")
	f.Fuzz(func(t *testing.T, data []byte) {
		small.Reader(t, func() {
			_ = parseRouterID(data)
			_, _ = parseSessions("r1", data)
			_, _ = parseRIB(parseProtocols(data), data, data)
		})
	})
}
