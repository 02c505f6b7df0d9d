package timeline

import (
	"bytes"
	"io"
	"testing"

	"skidpad.dev/skidpad/lab/labtest/small"
)

// FuzzReadJSONL reads any bytes as a timeline, and holds that a timeline can be written again.
func FuzzReadJSONL(f *testing.F) {
	small.Seed(f, func(data []byte) { f.Add(data) }, "testdata/*.jsonl")
	f.Fuzz(func(t *testing.T, data []byte) {
		small.Reader(t, func() {
			all, err := ReadJSONL(bytes.NewReader(data))
			if err == nil {
				err = all.WriteJSONL(io.Discard)
			}
			if all == nil || err != nil && err.Error() == "" {
				t.Errorf("seen %v, %v", all, err)
			}
		})
	})
}
