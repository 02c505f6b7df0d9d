package fleet

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/check"
)

// Noise is what disturbed a measurement on a node, in shares of the time (0 to 1). A negative share is not known.
type Noise struct {
	Others    float64 `json:"others"`    // of the node's processor time, used outside of the shard's pod
	Steal     float64 `json:"steal"`     // of the node's processor time, taken by the hypervisor
	Waited    float64 `json:"waited"`    // time in which some task waited for a processor (PSI, cpu some)
	Throttled float64 `json:"throttled"` // time in which the pod's own processor limit stopped the pod
}

// The shares above which a node is too noisy to judge a bound.
const (
	mostSteal     = 0.05
	mostThrottled = 0.05
	mostWaited    = 0.25
	mostOthers    = 0.25 // counts only together with tasks that waited
)

// Loud returns what made the node too noisy to judge a bound; empty for a quiet node.
func (n Noise) Loud() string {
	switch {
	case n.Steal > mostSteal:
		return fmt.Sprintf("the hypervisor took %s of the node's processor time", percent(n.Steal))
	case n.Throttled > mostThrottled:
		return fmt.Sprintf("the pod's processor limit stopped the pod for %s of the time", percent(n.Throttled))
	case n.Waited > mostWaited && n.Others > mostOthers:
		return fmt.Sprintf("others used %s of the node's processor time, and tasks waited for a processor for %s of the time", percent(n.Others), percent(n.Waited))
	}
	return ""
}

// String returns the shares for people.
func (n Noise) String() string {
	return fmt.Sprintf("others %s, steal %s, waited %s, throttled %s", percent(n.Others), percent(n.Steal), percent(n.Waited), percent(n.Throttled))
}

func percent(share float64) string {
	if share < 0 {
		return "?"
	}
	return strconv.FormatFloat(100*share, 'f', 0, 64) + " %"
}

// Doubt turns a bound that was missed on a noisy node into an unknown verdict. An outage that did not end, and any other
// failure, stays a failure: no noise explains it.
func Doubt(c check.Result, n Noise) check.Result {
	m := c.Measured
	loud := n.Loud()
	if c.Verdict != check.Failed || loud == "" || m == nil || m.Ongoing || m.Limit == 0 || m.Outage <= m.Limit {
		return c
	}
	c.Verdict = check.Unknown
	c.Observed += "; unknown and not failed, because " + loud
	return c
}

// sample is the counters of a node and of the shard's own pod at a time.
type sample struct {
	at                           time.Time
	all, busy, steal             float64 // of all processors, in ticks
	own, waited, throttled       float64 // in seconds
	ownKnown, psi, throttleKnown bool
}

// ticks is the kernel's USER_HZ.
const ticks = 100

// counters reads the counters below a root, which is / but for tests. cgroup v1 and v2 are known.
func counters(root string, now time.Time) sample {
	s := sample{at: now}
	read := func(path string) string {
		data, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return ""
		}
		return string(data)
	}
	first, _, _ := strings.Cut(read("proc/stat"), "\n")
	for i, field := range strings.Fields(first) { // cpu user nice system idle iowait irq softirq steal (proc_stat(5))
		v, err := strconv.ParseFloat(field, 64)
		if err != nil || i > 8 {
			continue
		}
		s.all += v
		if i != 4 && i != 5 {
			s.busy += v
		}
		if i == 8 {
			s.steal = v
		}
	}
	const v1 = "sys/fs/cgroup/cpuacct/cpuacct.usage"
	if us, ok := value(read("sys/fs/cgroup/cpu.stat"), "usage_usec"); ok {
		s.own, s.ownKnown = us/1e6, true
	} else if ns, err := strconv.ParseFloat(strings.TrimSpace(read(v1)), 64); err == nil {
		s.own, s.ownKnown = ns/1e9, true
	}
	if us, ok := value(read("sys/fs/cgroup/cpu.stat"), "throttled_usec"); ok {
		s.throttled, s.throttleKnown = us/1e6, true
	} else if ns, ok := value(read("sys/fs/cgroup/cpu/cpu.stat"), "throttled_time"); ok {
		s.throttled, s.throttleKnown = ns/1e9, true
	}
	for _, path := range []string{"sys/fs/cgroup/cpu.pressure", "proc/pressure/cpu"} {
		if _, total, ok := strings.Cut(read(path), "total="); ok && !s.psi { // the first line is of some tasks
			us, err := strconv.ParseFloat(strings.Fields(total)[0], 64)
			s.waited, s.psi = us/1e6, err == nil
		}
	}
	return s
}

// value returns the number in a line "name number".
func value(text, name string) (float64, bool) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			return v, err == nil
		}
	}
	return 0, false
}

// since returns the noise between two samples.
func (s sample) since(before sample) Noise {
	n := Noise{Others: -1, Steal: -1, Waited: -1, Throttled: -1}
	wall := s.at.Sub(before.at).Seconds()
	if all := s.all - before.all; all > 0 {
		n.Steal = share((s.steal - before.steal) / all)
		if s.ownKnown && before.ownKnown {
			n.Others = share((s.busy - before.busy - ticks*(s.own-before.own)) / all)
		}
	}
	if wall > 0 && s.psi && before.psi {
		n.Waited = share((s.waited - before.waited) / wall)
	}
	if wall > 0 && s.throttleKnown && before.throttleKnown {
		n.Throttled = share((s.throttled - before.throttled) / wall)
	}
	return n
}

func share(v float64) float64 { return min(1, max(0, v)) }
