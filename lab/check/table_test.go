package check

import (
	"net/netip"
	"testing"

	"skidpad.dev/skidpad/lab/scenario"
)

func TestSampleOfATable(t *testing.T) {
	for _, c := range []struct {
		routes, length, want int
		last                 string
	}{
		{1, 24, 1, "16.0.0.1"},
		{50, 24, 2, "16.0.49.1"},
		{1000, 24, 11, "16.3.231.1"},
		{1_000_000, 24, 1001, "31.66.63.1"},
		{1000, 32, 11, "16.0.3.231"},
	} {
		all := sample(&scenario.Table{Routes: c.routes, From: scenario.DefaultTableFrom, Length: c.length})
		different := map[netip.Addr]bool{}
		for _, a := range all {
			different[a] = true
		}
		if len(all) != c.want || len(different) != c.want || all[len(all)-1].String() != c.last {
			t.Errorf("%d routes: seen %d addresses, %d different, the last is %s; want %d and %s", c.routes, len(all), len(different), all[len(all)-1], c.want, c.last)
		}
	}
}
