package plan

import (
	"fmt"

	"skidpad.dev/skidpad/lab/scenario"
)

const (
	gib = 1 << 30
	// memoryPerRoute is the memory of a generated route in the generator and two routers, in bytes: measured, see
	// scenarios/full-table.
	memoryPerRoute = 2900
)

// MemoryError reports that the engine's machine cannot hold the generated routes of a scenario.
type MemoryError struct{ Have, Want int64 } // bytes

// Error has the estimate.
func (e *MemoryError) Error() string {
	return fmt.Sprintf("memory: seen %.1f GiB available, want %.1f GiB by estimate for the routes of bgp.table: choose fewer routes, or take labs down (`skidpad ls`)",
		float64(e.Have)/gib, float64(e.Want)/gib)
}

// fits compares the estimate for generated tables with the available memory in bytes; 0 is unknown.
func fits(s *scenario.Spec, have int64) error {
	var want int64
	for _, r := range s.Routers {
		if r.BGP != nil && r.BGP.Table != nil {
			want += int64(r.BGP.Table.Routes) * memoryPerRoute
		}
	}
	if have > 0 && want > have {
		return &MemoryError{have, want}
	}
	return nil
}
