package signal

import (
	"slices"
	"testing"

	"skidpad.dev/skidpad/lab/bgp"
)

func TestFIBOfAProtocol(t *testing.T) {
	all := []bgp.Route{{Protocol: "kernel"}, {Protocol: "bgp"}, {Protocol: "ospf"}}
	for protocol, want := range map[string]int{"": 3, "bgp": 1, "static": 0} {
		if got := (&FIB{Protocol: protocol}).of(slices.Clone(all)); len(got) != want {
			t.Errorf("%q: seen %v, want %d routes", protocol, got, want)
		}
	}
}

func TestAttributesOfAnUnusablePath(t *testing.T) {
	if got := attributesOf(bgp.Path{}, nil); !slices.Contains(got, "not usable") {
		t.Errorf("seen %q, want the path marked", got)
	}
	if got := attributesOf(bgp.Path{Valid: true}, nil); slices.Contains(got, "not usable") {
		t.Errorf("seen %q, want no mark", got)
	}
}
