package labtest

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/onsi/ginkgo/v2"

	"skidpad.dev/skidpad/lab"
)

// crowd is the largest number of clusters of one process that run at once: one for each core, at least two. An idle
// cluster of three nodes uses about a third of a core. Without a limit, specs in random order had eleven clusters up on
// two cores, at a load of 250.
var crowd = max(2, runtime.NumCPU())

// use is the last use of a lab by this process.
type use struct {
	container string // the outermost container of the spec; empty outside of specs
	at        time.Time
	cluster   bool
	parked    bool
}

// used records that the current spec uses a lab.
func used(name string, cluster bool) {
	u := &use{at: time.Now(), cluster: cluster}
	if all := ginkgo.CurrentSpecReport().ContainerHierarchyTexts; len(all) > 0 {
		u.container = all[0]
	}
	downs[name] = u
}

// makeRoom parks the clusters of other specs, those with the oldest use first, until one more cluster may run. A lab of
// the same outermost container stays: later specs of an ordered container may use the lab without opening it. A lab that
// cannot be parked, such as a lab with a fault in force, runs on.
func makeRoom(ctx context.Context, name string) {
	running := map[string]*use{}
	for other, u := range downs {
		if other != name && u.cluster && !u.parked {
			running[other] = u
		}
	}
	if len(running) < crowd {
		return
	}
	exist, err := lab.List(ctx) // a spec may have taken down a lab of its own
	if err != nil {
		return // bringing up the lab reports the same error
	}
	maps.DeleteFunc(running, func(other string, _ *use) bool {
		return !slices.ContainsFunc(exist, func(s lab.Summary) bool { return s.Name == other })
	})
	for _, other := range ofOthers(running, ginkgo.CurrentSpecReport().ContainerHierarchyTexts) {
		if len(running) < crowd {
			return
		}
		if err := park(ctx, other); err != nil {
			ginkgo.GinkgoWriter.Printf("lab %s runs on: %v\n", other, err)
			continue
		}
		delete(running, other)
	}
}

// ofOthers lists the labs without a use by the current outermost container, the oldest use first.
func ofOthers(running map[string]*use, current []string) []string {
	var list []string
	for name, u := range running {
		if u.container != "" && (len(current) == 0 || u.container != current[0]) {
			list = append(list, name)
		}
	}
	slices.SortFunc(list, func(a, b string) int { return running[a].at.Compare(running[b].at) })
	return list
}

// park ends the recording of a lab, and freezes the lab.
func park(ctx context.Context, name string) error {
	if sh := labs[name]; sh != nil {
		sh.recorder.stop(ctx)
	}
	if err := lab.Park(ctx, name); err != nil {
		if sh := labs[name]; sh != nil {
			sh.recorder = startRecorder(sh.Lab)
		}
		return err
	}
	downs[name].parked = true
	return nil
}
