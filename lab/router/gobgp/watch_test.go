package gobgp

import (
	"maps"
	"testing"
)

func TestParseStations(t *testing.T) {
	const two = "Session                 State  Uptime    \n127.0.0.1:40123         Up     00:00:03  \n192.0.2.7:11019         Down   Never     \n127.0.0.1:11019         Down   Never     \n"
	if got := parseStations([]byte(two)); !maps.Equal(got, map[int]bool{40123: true, 11019: true}) {
		t.Errorf("got %v", got)
	}
	if got := parseStations([]byte("Session                 State  Uptime    \n")); len(got) != 0 {
		t.Errorf("of none: %v", got)
	}
}
