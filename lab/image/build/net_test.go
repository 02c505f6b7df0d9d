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
