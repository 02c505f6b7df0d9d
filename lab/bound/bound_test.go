package bound

import (
	"testing"
	"testing/quick"
	"time"
)

const ms = time.Millisecond

func TestBounds(t *testing.T) {
	vrrp := VRRP{Advert: 100 * ms, Priority: 190}
	for _, c := range []struct {
		name     string
		b        Bound
		min, max time.Duration
		formula  string
	}{
		// (256 − 190) / 256 × 100 ms is 25.78125 ms.
		{"vrrp silent", vrrp.Silent(), 225781250, 325781250, "3 × 100ms + (256 − 190) / 256 × 100ms = 326ms"},
		{"vrrp released", vrrp.Released(), 0, 25781250, "priority 0 sent, (256 − 190) / 256 × 100ms = 26ms"},
		{"vrrp preempted", vrrp.Preempted(), 0, 0, "the backup forwards until the router of higher priority has taken over: 0s"},
		{"vrrp tracked", vrrp.Tracked(time.Second, 1), 0, 1325781250, "1 × 1s (tracking) + 3 × 100ms + (256 − 190) / 256 × 100ms = 1.326s"},
		{"vrrp, one second, priority 100", VRRP{Advert: time.Second, Priority: 100}.Silent(), 2609375 * time.Microsecond, 3609375 * time.Microsecond, "3 × 1s + (256 − 100) / 256 × 1s = 3.609s"},
		{"vrrp, version 2, two seconds", VRRP{Advert: 2 * time.Second, Priority: 100, V2: true}.Silent(), 4609375 * time.Microsecond, 6609375 * time.Microsecond, "3 × 2s + (256 − 100) / 256 × 1s = 6.609s"},
		{"link with carrier", vrrp.LinkDown(true, Bound{}), 0, 325781250, "carrier lost at once; at most 3 × 100ms + (256 − 190) / 256 × 100ms = 326ms"},
		{"link without carrier", vrrp.LinkDown(false, HoldTime(9*time.Second, 3*time.Second)), 6 * time.Second, 9 * time.Second, "no carrier detection, so: hold time 9s"},
		{"hold time", HoldTime(9*time.Second, 3*time.Second), 6 * time.Second, 9 * time.Second, "hold time 9s"},
		{"bfd", BFD(3, 300*ms, 50*ms), 600 * ms, 900 * ms, "3 × max(300ms, 50ms) = 900ms"},
		{"graceful restart in time", GracefulRestart(120*time.Second, 20*time.Second), 0, 0, "routes are kept for the restart time 2m0s, forwarding goes on: 0s"},
		{"graceful restart too late", GracefulRestart(10*time.Second, 15*time.Second), 0, 5 * time.Second, "routes are kept for the restart time 10s, forwarding goes on: 5s"},
		{"lease, short", Lease{3 * time.Second, time.Second, 200 * ms}.Lost(), 1800 * ms, 3880 * ms, "3s + 2 × (1 + 1.2) × 200ms = 3.88s; at least 3s − 200ms − 1s = 1.8s"},
		{"lease, defaults", Lease{15 * time.Second, 5 * time.Second, 2 * time.Second}.Lost(), 13 * time.Second, 23800 * ms, "15s + 2 × (1 + 1.2) × 2s = 23.8s; at least 15s − 2s = 13s"},
		{"memberlist of three", LANMemberlist(3).Lost(), 5 * time.Second, 8 * time.Second,
			"3 × 1s until its turn to be probed + 1s until the probe has failed + suspicion 4 × 1s = 8s"},
		{"memberlist of four", LANMemberlist(4).Lost(), 5 * time.Second, 30 * time.Second,
			"5 × 1s until its turn to be probed + 1s until the probe has failed + suspicion 4 × 1s × at most 6 until it is confirmed = 30s"},
		{"endpoint deleted", Endpoint{}.Withdrawn(), 0, 0, "detection 0s + EndpointSlice batch 0s + MRAI 0s = 0s"},
		{"node lost", NodeLost(NodeGrace, NodePeriod), 40 * time.Second, 55 * time.Second, "node monitor grace 50s + period 5s = 55s"},
		{"worst", Worst(HoldTime(9*time.Second, 3*time.Second), NodeLost(NodeGrace, NodePeriod)), 40 * time.Second, 55 * time.Second,
			"the longest of: hold time 9s; node monitor grace 50s + period 5s = 55s"},
	} {
		if c.b.Min != c.min || c.b.Max != c.max || c.b.Formula != c.formula {
			t.Errorf("%s: seen %v to %v, %q; want %v to %v, %q", c.name, c.b.Min, c.b.Max, c.b.Formula, c.min, c.max, c.formula)
		}
		if c.b.Source == "" {
			t.Errorf("%s: no source", c.name)
		}
	}
}

// A backup of lower priority waits longer, but no backup waits as long as a fourth interval.
func TestSkewOrdersBackups(t *testing.T) {
	property := func(a, b uint8, advert uint16) bool {
		low, high := 1+int(min(a, b))%254, 1+int(max(a, b))%254
		if low > high {
			low, high = high, low
		}
		every := (time.Duration(advert%4095) + 1) * 10 * ms
		l, h := VRRP{Advert: every, Priority: low}.Silent(), VRRP{Advert: every, Priority: high}.Silent()
		return l.Max >= h.Max && h.Max > 3*every && l.Max < 4*every && l.Min <= l.Max && l.Max-l.Min == every
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
}

func TestWindow(t *testing.T) {
	for want, b := range map[string]Bound{
		"0s":             {},
		"up to 26ms":     {Max: 25781250},
		"226ms to 326ms": {Min: 225781250, Max: 325781250},
		"40s to 55s":     {Min: 40 * time.Second, Max: 55 * time.Second},
	} {
		if got := b.Window(); got != want {
			t.Errorf("seen %q, want %q", got, want)
		}
	}
}
