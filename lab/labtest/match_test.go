package labtest

import (
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/probe"
)

func TestLoseAtMost(t *testing.T) {
	none := 0
	flow := func(outage, stalled float64) probe.Result {
		return probe.Result{Lost: &none, Outages: []probe.Outage{{Length: outage}}, Prober: probe.Prober{Stalled: stalled}}
	}
	tests := []struct {
		name    string
		flow    probe.Result
		within  bool
		unknown bool // neither the claim nor its contrary is proven
	}{
		{"a short outage", flow(300, 0), true, false},
		{"a long outage", flow(1100, 0), false, false},
		{"a short outage that went on at the end", probe.Result{Lost: &none, Outages: []probe.Outage{{Length: 20, OpenEnd: true}}}, false, true},
		{"a long outage that went on at the end", probe.Result{Lost: &none, Outages: []probe.Outage{{Length: 1100, OpenEnd: true}}}, false, false},
		{"a stall that changes nothing", flow(300, 600), true, false},
		{"a stall in which too much may have been lost", flow(300, 800), false, true},
		{"a long outage and a stall", flow(1100, 800), false, false},
		{"a recording that was cut", probe.Result{Unknown: []string{"the recording was cut"}}, false, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			within, err := LoseAtMost(time.Second).Match(test.flow)
			if within != test.within || (err != nil) != test.unknown {
				t.Errorf("seen %v, %v; wanted %v, an error %v", within, err, test.within, test.unknown)
			}
		})
	}
}
