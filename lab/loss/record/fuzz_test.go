package record

import (
	"bytes"
	"testing"

	"skidpad.dev/skidpad/lab/labtest/small"
)

// FuzzRead reads any bytes as a recording, and holds that a recording's parts can be asked for.
func FuzzRead(f *testing.F) {
	f.Add([]byte(first + attempt + last))
	f.Add([]byte(first + attempt))
	f.Fuzz(func(t *testing.T, data []byte) {
		small.Reader(t, func() {
			rec, err := Read(bytes.NewReader(data))
			if (rec == nil) == (err == nil) {
				t.Fatalf("seen %v and %v, want one of them", rec, err)
			}
			if rec != nil {
				_, _ = rec.Of(0), rec.FlowEnd(0)
			}
		})
	})
}
