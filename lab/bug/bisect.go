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
	"strings"

	"github.com/Masterminds/semver/v3"

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
// have two or three numbers and no suffix; if an end is no release, nothing is between. A mirror may list only some of the existing releases, so Between adds the
// releases between two known versions of a major version (see withGaps). Bisect skips an added release if the release
// does not exist.
func Between(all []string, good, bad string) []string {
	from, to := good, bad
	if released(good) == nil || released(bad) == nil {
		return []string{good, bad}
	}
	if older(from, to) > 0 {
		from, to = to, from
	}
	var list []string
	for _, v := range append(slices.Clone(all), good, bad) {
		v = strings.TrimPrefix(v, "v")
		if released(v) != nil && older(from, v) <= 0 && older(v, to) <= 0 && !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, older)
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
		here, next := released(v), released(list[i+1])
		if strings.Count(v, ".") != 2 || strings.Count(list[i+1], ".") != 2 || here.Major() != next.Major() {
			continue
		}
		for minor := here.Minor(); minor <= next.Minor(); minor++ {
			first, end := uint64(0), uint64(1)
			if minor == here.Minor() {
				first = here.Patch() + 1
			}
			if minor == next.Minor() {
				end = next.Patch()
			}
			for patch := first; patch < end; patch++ {
				all = append(all, fmt.Sprintf("%d.%d.%d", here.Major(), minor, patch))
			}
		}
	}
	return all
}

// older orders two releases by age.
func older(a, b string) int { return cmp.Or(released(a).Compare(released(b)), cmp.Compare(a, b)) }

// released returns a release of two or three numbers; nil for other versions, such as candidates of a release.
func released(version string) *semver.Version {
	v, err := semver.NewVersion(version)
	if err != nil || v.Prerelease() != "" || v.Metadata() != "" || !strings.Contains(version, ".") {
		return nil
	}
	return v
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
