package check

import (
	"testing"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestCommunitiesOfTheBestPath(t *testing.T) {
	path := func(best bool, communities ...string) bgp.Path {
		return bgp.Path{Best: best, Attributes: bgp.Attributes{Communities: communities, LargeCommunities: []string{"64512:1:100"}}}
	}
	for _, c := range []struct {
		name          string
		with, without []scenario.Community
		paths         []bgp.Path
		held          bool
	}{
		{"both forms", []scenario.Community{"64512:100", "64512:1:100"}, []scenario.Community{"64512:200"}, []bgp.Path{path(true, "64512:100")}, true},
		{"a name of the RFC", []scenario.Community{"65535:65281"}, nil, []bgp.Path{path(true, "no-export")}, true},
		{"on another path alone", []scenario.Community{"64512:100"}, nil, []bgp.Path{path(false, "64512:100"), path(true)}, false},
		{"an unwanted community", nil, []scenario.Community{"64512:200"}, []bgp.Path{path(true, "64512:200")}, false},
		{"no best path", []scenario.Community{"64512:100"}, nil, []bgp.Path{path(false, "64512:100")}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := Routes{Communities: c.with, Without: c.without}
			if fault := check.fault(c.paths); (fault == "") != c.held {
				t.Errorf("seen %q, want held %v", fault, c.held)
			}
		})
	}
}
