package plan

import (
	"fmt"
	"slices"
	"testing"

	"skidpad.dev/skidpad/lab/scenario"
)

func TestARoutersNumberIsTheSameOnAllNetworksUntilTheNumbersEnd(t *testing.T) {
	var all []scenario.Router
	for i := range scenario.MaxNetworkRouters {
		all = append(all, scenario.Router{Name: fmt.Sprint("r", i), Networks: []string{fmt.Sprint("n", i%2), "all"}})
	}
	if seen := routerAt(all, "n1", 49); seen != 60 {
		t.Errorf("seen .%d for the last of 50 routers, want .60", seen)
	}
	more := append(slices.Clone(all), scenario.Router{Name: "more", Networks: []string{"n0"}})
	if seen := routerAt(more, "n0", 50); seen != routersAt+25 {
		t.Errorf("seen .%d for the 26th router of a network of a lab with 51, want .36", seen)
	}
	if seen := routerAt(more, "n1", 49); seen != routersAt+24 {
		t.Errorf("seen .%d for the 25th router of a network of a lab with 51, want .35", seen)
	}
}
