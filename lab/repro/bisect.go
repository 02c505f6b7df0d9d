package repro

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/scenario"
)

// Tried is one version that a bisection put to the test.
type Tried struct {
	Version string  `json:"version"`
	Outcome Outcome `json:"outcome"`
	Why     string  `json:"why,omitempty"`
}

// Bisection is what became of the search.
type Bisection struct {
	Good  string  `json:"good,omitempty"` // the last version known to be right, in the order of the search; empty where an end was not as was said
	Bad   string  `json:"bad,omitempty"`  // the first one known to be wrong
	Tried []Tried `json:"tried"`          // in the order in which they were
	// Between are the versions from good to bad of which nothing is known, since they cannot be had or observed.
	Between []string `json:"between,omitempty"`
}

// Bisect searches versions, of which the first is taken to be right and the last to be wrong, for where that changes.
// Both ends are put to the test first. A version of which nothing can be known is passed over for its neighbours.
// It does no I/O of its own.
func Bisect(versions []string, test func(version string) (Outcome, string)) (*Bisection, error) {
	b := &Bisection{}
	known := map[int]Outcome{}
	try := func(i int) Outcome {
		o, why := test(versions[i])
		known[i] = o
		b.Tried = append(b.Tried, Tried{versions[i], o, why})
		return o
	}
	low, high := 0, len(versions)-1
	if low >= high {
		return b, fmt.Errorf("seen %d versions, want a good one and another bad one", len(versions))
	}
	if o := try(low); o != Right {
		return b, fmt.Errorf("%s, the good end, is %s: %s", versions[low], o, b.Tried[0].Why)
	}
	if o := try(high); o != Wrong {
		return b, fmt.Errorf("%s, the bad end, is %s: %s", versions[high], o, b.Tried[1].Why)
	}
	for {
		i, ok := nearestUnknown(low, high, known)
		if !ok {
			break
		}
		switch try(i) {
		case Right:
			low = i
		case Wrong:
			high = i
		}
	}
	b.Good, b.Bad, b.Between = versions[low], versions[high], versions[low+1:high]
	return b, nil
}

// nearestUnknown is the version nearest to the middle, between two, that was not tried yet.
func nearestUnknown(low, high int, known map[int]Outcome) (int, bool) {
	middle := (low + high) / 2
	best, found := 0, false
	for i := low + 1; i < high; i++ {
		if _, tried := known[i]; !tried && (!found || abs(i-middle) < abs(best-middle)) {
			best, found = i, true
		}
	}
	return best, found
}

func abs(n int) int { return max(n, -n) }

// Between are the releases from one version to another, both with it, in that order; good may be the newer one. Releases
// have two numbers or three and nothing after them. A mirror may list few of those that it has, so what lies between two known
// ones of a major version is taken to be there (see withGaps). One that is not is passed over when it cannot be had.
func Between(all []string, good, bad string) []string {
	var list []string
	from, to := good, bad
	if compareVersions(from, to) > 0 {
		from, to = to, from
	}
	for _, v := range append(slices.Clone(all), good, bad) {
		v = strings.TrimPrefix(v, "v")
		if n := len(numbers(v)); (n == 2 || n == 3) && compareVersions(from, v) <= 0 && compareVersions(v, to) <= 0 && !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, compareVersions)
	list = withGaps(list)
	if from != good {
		slices.Reverse(list)
	}
	return list
}

// withGaps adds what a sorted list leaves out between two releases: the patch releases between two of one series, the
// first releases of the series between, and the patch releases up to the second one.
func withGaps(list []string) []string {
	var all []string
	for i, v := range list {
		all = append(all, v)
		if i == len(list)-1 {
			break
		}
		here, next := numbers(v), numbers(list[i+1])
		if len(here) != 3 || len(next) != 3 || here[0] != next[0] {
			continue
		}
		for minor := here[1]; minor <= next[1]; minor++ {
			first, end := 0, 1
			if minor == here[1] {
				first = here[2] + 1
			}
			if minor == next[1] {
				end = next[2]
			}
			for patch := first; patch < end; patch++ {
				all = append(all, fmt.Sprintf("%d.%d.%d", here[0], minor, patch))
			}
		}
	}
	return all
}

func compareVersions(a, b string) int {
	return cmp.Or(slices.Compare(numbers(a), numbers(b)), cmp.Compare(a, b))
}

// numbers are a version's; nil for one with anything else in it.
func numbers(version string) []int {
	var all []int
	for word := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil
		}
		all = append(all, n)
	}
	return all
}

// modules are where the releases of addons are listed.
var modules = map[string][]string{ //nolint:gochecknoglobals // a table
	"cilium":  {"github.com/cilium/cilium"},
	"metallb": {"go.universe.tf/metallb"},
}

// Releases lists a component's released versions, as the Go module proxy knows them, or those that Debian has. Of a
// component in several modules, a module whose list cannot be had is left out, unless no list can be had.
func Releases(ctx context.Context, component string) ([]string, error) {
	known, of := slices.Collect(maps.Keys(modules)), modules[component]
	for _, m := range lab.Kinds().Routers {
		if r, ok := m.New().(router.Released); ok {
			known = append(known, m.Name)
			versions, listed := r.Releases()
			switch {
			case m.Name != component:
			case versions != nil:
				return versions, nil
			default:
				of = listed
			}
		}
	}
	if of == nil {
		slices.Sort(known)
		return nil, fmt.Errorf("the releases of %s are listed nowhere that skidpad looks; it knows those of %s", component, strings.Join(known, ", "))
	}
	var all []string
	var errs []error
	for _, module := range of {
		versions, err := moduleVersions(ctx, module)
		if err != nil {
			errs = append(errs, fmt.Errorf("releases of %s: %w", component, err))
		}
		all = append(all, versions...)
	}
	if len(all) == 0 {
		return nil, errors.Join(errs...)
	}
	return all, nil
}

func moduleVersions(ctx context.Context, module string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-versions", "-json", module)
	cmd.Dir = os.TempDir() // no go.mod has a say in it
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list -m -versions %s: %w", module, err)
	}
	var m struct{ Versions []string }
	if err := json.Unmarshal(out, &m); err != nil {
		return nil, fmt.Errorf("go list -m -versions %s: %w", module, err)
	}
	return m.Versions, nil
}

// Try puts one version of the component to a bug's trigger, in the broken half's scenario.
func Try(ctx context.Context, s *scenario.Scenario, version string, o Options) Column {
	failed := func(err error) Column {
		return Column{Half: scenario.HalfTried, What: version, Outcome: Unknown, Why: err.Error()}
	}
	spec := scenario.Half{What: s.Bug.Component + " " + version, Version: version, Set: s.Bug.Broken.Set}
	made, err := s.Half(spec)
	if err != nil {
		return failed(err)
	}
	h := &half{bug: s.Bug, scenario: made, options: o, Column: Column{Half: scenario.HalfTried, What: spec.What, Lab: labName(o.Name, "t")}}
	if err := oneByOne(ctx, []*half{h}); err != nil {
		return failed(err)
	}
	return h.Column
}
