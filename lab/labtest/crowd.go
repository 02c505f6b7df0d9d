package labtest

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/onsi/ginkgo/v2"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/host"
)

// crowd is the largest number of clusters of one process that run at once: one for each core, at least two. An idle
// cluster of three nodes uses about a third of a core. Without a limit, specs in random order had eleven clusters up on
// two cores, at a load of 250.
var crowd = max(2, runtime.NumCPU())

// crowdMemory is the memory in bytes that must be free for one more cluster: a cluster of three nodes takes 2 GiB to 3 GiB,
// and a build beside the suites as much. A parked lab keeps its memory, so labs with an older use are taken down.
const crowdMemory = 6 << 30

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

// makeRoom parks the clusters of other specs, those with the oldest use first, until one more cluster may run, and takes them
// down while the memory has no room for one more. A lab of the same outermost container stays: later specs of an ordered
// container may use the lab without opening it. A lab that cannot be parked, such as a lab with a fault in force, runs on.
func makeRoom(ctx context.Context, name string) {
	clusters, running := map[string]*use{}, 0
	for other, u := range downs {
		if other == name || !u.cluster {
			continue
		}
		clusters[other] = u
		if !u.parked {
			running++
		}
	}
	for _, other := range ofOthers(clusters, ginkgo.CurrentSpecReport().ContainerHierarchyTexts) {
		parked := clusters[other].parked
		var err error
		switch {
		case downs[name] == nil && crowded(host.Available()):
			err = drop(ctx, other)
		case running >= crowd && !parked:
			err = park(ctx, other)
		default:
			continue
		}
		var gone *lab.NotFoundError // a spec has taken down a lab of its own
		if errors.As(err, &gone) {
			delete(downs, other)
			err = nil
		}
		if err != nil {
			ginkgo.GinkgoWriter.Printf("lab %s runs on: %v\n", other, err)
			continue
		}
		if !parked {
			running--
		}
	}
}

// crowded reports whether the available memory in bytes has no room for one more cluster. Of unknown memory (0), there is
// room.
func crowded(available int64) bool { return available != 0 && available < crowdMemory }

// drop takes a lab down. The next spec that opens the lab brings up another.
func drop(ctx context.Context, name string) error {
	if sh := labs[name]; sh != nil && !downs[name].parked {
		sh.recorder.stop(ctx)
	}
	if _, err := lab.Down(ctx, name); err != nil {
		return err
	}
	delete(downs, name)
	delete(labs, name)
	return nil
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
