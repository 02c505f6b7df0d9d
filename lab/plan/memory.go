package plan

import (
	"fmt"

	"skidpad.dev/skidpad/lab/scenario"
)

const (
	gib = 1 << 30
	// clusterMemory is the memory of a cluster of three nodes without many services: measured, see docs/scale.md.
	clusterMemory = 3 * gib
	// routerMemory is the memory of one router's daemons: measured with FRR, see docs/scale.md. Other software takes less.
	routerMemory = 45 << 20
)

// MemoryError reports that the engine's machine cannot hold a lab whose size the scenario chooses.
type MemoryError struct{ Have, Want int64 } // bytes

// Error has the estimate.
func (e *MemoryError) Error() string {
	return fmt.Sprintf("memory: seen %.1f GiB available, want %.1f GiB by estimate for routers, generated routes and services: choose a smaller number, or take labs down (`skidpad ls`)",
		float64(e.Have)/gib, float64(e.Want)/gib)
}

// fits compares the estimate for routers, generated routes and services with the available memory in bytes; 0 is unknown. A
// cluster counts only beside generated routes or services: a small lab on a small machine is not refused.
func fits(s *scenario.Spec, have int64) error {
	want := s.Memory()
	if want > 0 && s.Cluster != nil && s.Cluster.Provider != scenario.ProviderExisting {
		want += clusterMemory
	}
	want += int64(len(s.Routers)) * routerMemory
	if have > 0 && want > have {
		return &MemoryError{have, want}
	}
	return nil
}
