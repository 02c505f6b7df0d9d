package loss

import (
	"bytes"
	"testing"

	"skidpad.dev/skidpad/lab/labtest/small"
	"skidpad.dev/skidpad/lab/loss/record"
)

// FuzzSummary judges any bytes as a recording, and holds that the sums of a summary agree.
func FuzzSummary(f *testing.F) {
	f.Add([]byte(`{"start":{"clock":{"mono":1000,"wall":"2026-11-20T10:00:00Z"},"flows":[{"flow":0,"target":"192.0.2.1:80","proto":"udp","interval":1000000,"timeout":500000000,"slots":2,"first":2000}],"scheduler":"other"}}
{"attempt":{"flow":0,"seq":0,"sent":2000,"late":0,"answered":3000,"answer":{"pod":"a"}}}
{"attempt":{"flow":0,"seq":1,"sent":1002000,"late":0,"error":"timeout"}}
{"attempt":{"flow":0,"seq":2,"sent":2002000,"late":0,"answered":2003000,"answer":{"pod":"a"}}}
{"end":{"clock":{"mono":9000000,"wall":"2026-11-20T10:00:01Z"},"reason":"done","flows":[{"flow":0,"sent":3,"skipped":0}]}}
`))
	f.Fuzz(func(t *testing.T, data []byte) {
		small.Reader(t, func() {
			rec, err := record.Read(bytes.NewReader(data))
			if err != nil {
				return
			}
			for _, s := range OfRecording(rec, Options{}) {
				lost := 0
				for _, o := range s.Outages {
					lost += o.Lost
					if o.Length() < 0 && len(s.Unknown) == 0 {
						t.Errorf("an outage of %v", o.Length())
					}
				}
				if lost != s.Lost || s.Lost > s.Sent {
					t.Errorf("%d sent, %d lost, %d lost in outages", s.Sent, s.Lost, lost)
				}
				if len(s.Unknown) == 0 && (s.Latency.Min < 0 || s.Skipped < 0 || s.Sent == 0) {
					t.Errorf("nothing is unknown in %+v", s)
				}
			}
		})
	})
}
