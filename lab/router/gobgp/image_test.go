package gobgp

import (
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/source"
)

// The image's version stands in two places, since the catalogue must know the version without reading the pins.
func TestThePinnedVersion(t *testing.T) {
	pins, err := source.All().Read(module + "/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "github.com/osrg/gobgp/v4 v" + pinned + " "; !strings.Contains(string(pins), want) {
		t.Errorf("%s/go.mod does not pin %s", module, pinned)
	}
}

func TestReleases(t *testing.T) {
	b, err := build.New(nil, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	recipe := imageEntry().Recipe
	for version, want := range map[string]string{
		"3.27.0": "github.com/osrg/gobgp/v3/cmd/gobgpd", "4.2.0": "github.com/osrg/gobgp/v4/cmd/gobgpd",
	} {
		n := debian(version)
		if got := n.Programs.Packages["gobgpd"]; got != want || !strings.HasSuffix(n.Programs.Release, "@v"+version) {
			t.Errorf("%s is built of %s %s, want %s", version, got, n.Programs.Release, want)
		}
		if r, err := recipe(b, version); err != nil || r.Version != version {
			t.Errorf("version %s: seen %q, %v", version, r.Version, err)
		}
	}
	if r, err := recipe(b, ""); err != nil || r.Version != pinned {
		t.Errorf("no version: seen %q, %v, want %s", r.Version, err, pinned)
	}
	for _, none := range []string{"2.34.0", "4.8", "main"} {
		if _, err := recipe(b, none); err == nil || !strings.Contains(err.Error(), "any release of 3 and 4") {
			t.Errorf("version %s: seen error %v, want one that says what can be built", none, err)
		}
	}
}
