package frr

import (
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/image/build"
)

func TestVersions(t *testing.T) {
	b, keys := &build.Builder{}, map[string]string{}
	versions, _ := (&Software{}).Releases()
	for _, v := range append(versions, "") {
		r, err := imageEntry().Recipe(b, v)
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := keys[r.Key]; ok != (v == "") {
			t.Errorf("version %q has the key of %q", v, before)
		}
		keys[r.Key] = v
	}
	if _, err := imageEntry().Recipe(b, "10.5.1"); err == nil || !strings.Contains(err.Error(), "8.4.4, 10.3, 10.7.1") {
		t.Errorf("a version that Debian has not: %v", err)
	}
	if got := imageEntry().Upstream(""); got != "frrouting/frr:v8.4.1" {
		t.Errorf("published as %s", got)
	}
}
