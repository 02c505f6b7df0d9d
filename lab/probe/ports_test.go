package probe

import (
	"testing"
	"time"
)

// TestPortTurn: no port repeats within a turn, all ports are in the range, and a later program continues at
// the clock's port.
func TestPortTurn(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	turn := portTurn{now: func() time.Time { return now }}
	seen := map[int]bool{}
	for range 70 {
		first := turn.take(256)
		for port := first; port < first+256; port++ {
			if port < firstPort || port > lastPort || seen[port] {
				t.Fatalf("port %d is out of %d to %d, or was given already", port, firstPort, lastPort)
			}
			seen[port] = true
		}
	}
	last := (&portTurn{now: turn.now}).take(1)
	now = now.Add(2 * time.Second)
	if later := (&portTurn{now: turn.now}).take(1); later == last {
		t.Errorf("a program that starts 2 s later begins with port %d, too", later)
	}
}
