package bug

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/scenario"
)

// Tried is one tested version of a bisection.
type Tried struct {
	Version string  `json:"version"`
	Outcome Outcome `json:"outcome"`
	Why     string  `json:"why,omitempty"`
}

// Bisection is the result of the search.
type Bisection struct {
	Good  string  `json:"good,omitempty"` // the last right version, in the order of the search; empty if an end is not as claimed
	Bad   string  `json:"bad,omitempty"`  // the first wrong version
	Tried []Tried `json:"tried"`          // in the order of the tests
	// Between are the versions from good to bad without a verdict, because the version cannot be had or observed.
	Between []string `json:"between,omitempty"`
}

// Bisect searches versions for the change from right to wrong. The caller claims that the first version is right and the
// last version is wrong. Bisect tests both ends first. If a version has no verdict, Bisect tries its neighbours. Bisect
// does no I/O.
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

// nearestUnknown returns the untested version nearest to the middle between low and high.
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

// Between returns the releases from good to bad, both included, in this order; good may be the newer version. Releases
// have two or three numbers and no suffix. A mirror may list only some of the existing releases, so Between adds the
// releases between two known versions of a major version (see withGaps). Bisect skips an added release if the release
// does not exist.
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

// withGaps adds the missing releases between two releases of a sorted list: the patch releases between two releases of a
// series, the first release of each series between, and the patch releases up to the second release.
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

// numbers returns the numbers of a version; nil if the version has other parts.
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

// Releases lists a component's released versions from the Go module proxy or from Debian. If a component has several
// modules, Releases skips a module without a list. No list at all is an error.
func Releases(ctx context.Context, component string) ([]string, error) {
	var known, of []string
	kinds := lab.Kinds()
	for _, m := range slices.Concat(kinds.Routers, kinds.Addons) {
		r, ok := m.New().(addon.Released)
		if !ok {
			continue
		}
		known = append(known, m.Name)
		if m.Name != component {
			continue
		}
		versions, modules := r.Releases()
		if versions != nil {
			return versions, nil
		}
		of = append(of, modules...)
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
	cmd.Dir = os.TempDir() // outside of every Go module, so no go.mod has an effect
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

// Try tests one version of the component with a bug's trigger, in the broken half's scenario.
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
