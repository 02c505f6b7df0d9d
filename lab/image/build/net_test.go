package build

import (
	"os"
	"strings"
	"testing"
)

// The image's version is written in two places, since the catalogue must know it without reading the pins.
func TestGoBGPIsThePinnedOne(t *testing.T) {
	pins, err := os.ReadFile("../../../" + modGoBGP + "/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "github.com/osrg/gobgp/v4 v" + gobgpVersion + " "; !strings.Contains(string(pins), want) {
		t.Errorf("%s/go.mod does not pin %s", modGoBGP, want)
	}
}

func TestGoBGPReleases(t *testing.T) {
	b := &Builder{source: "../../.."}
	for version, want := range map[string]string{
		"3.27.0": "github.com/osrg/gobgp/v3/cmd/gobgpd", "4.2.0": "github.com/osrg/gobgp/v4/cmd/gobgpd",
	} {
		n := gobgpImage(version)
		if got := n.programs.Packages["gobgpd"]; got != want || !strings.HasSuffix(n.programs.Release, "@v"+version) {
			t.Errorf("%s is built of %s %s, want %s", version, got, n.programs.Release, want)
		}
		if _, err := b.Net("gobgp", version); err != nil {
			t.Error(err)
		}
	}
	for _, none := range []string{"2.34.0", "4.8", "main"} {
		if _, err := b.Net("gobgp", none); err == nil || !strings.Contains(err.Error(), "any release of 3 and 4") {
			t.Errorf("version %s: seen error %v, want one that says what can be built", none, err)
		}
	}
}

func TestFRRVersions(t *testing.T) {
	for _, tt := range []struct{ debian, want string }{
		{"8.4.4-1.1~deb12u1", "8.4.4"}, {"10.3-3+deb13u1", "10.3"}, {"10.7.1-6", "10.7.1"}, {"1:2.3.3-1", "2.3.3"}, {"10.7.1", "10.7.1"},
	} {
		if got := upstream(tt.debian); got != tt.want {
			t.Errorf("%s is upstream's %s, want %s", tt.debian, got, tt.want)
		}
	}
	b := &Builder{}
	keys := map[string]string{}
	for _, v := range append(FRRVersions(), "") {
		r, err := b.Net("frr", v)
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := keys[r.Key]; ok != (v == "") {
			t.Errorf("version %q has the key of %q", v, before)
		}
		keys[r.Key] = v
	}
	if _, err := b.Net("frr", "10.5.1"); err == nil || !strings.Contains(err.Error(), "8.4.4, 10.3, 10.7.1") {
		t.Errorf("a version that Debian has not: %v", err)
	}
}
