package hubble

import (
	"testing"

	"skidpad.dev/skidpad/lab/labtest/small"
)

// FuzzParse reads any bytes as the output of hubble observe.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"flow":{"time":"2026-11-20T10:00:00Z","verdict":"FORWARDED","node_name":"worker","IP":{"source":"192.0.2.201","destination":"10.244.1.5"},"l4":{"TCP":{"source_port":4711,"destination_port":8080}},"destination":{"namespace":"default","pod_name":"echo-x"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		small.Reader(t, func() {
			flows, _ := Parse(data)
			for _, flow := range flows {
				_ = flow.String()
			}
		})
	})
}
