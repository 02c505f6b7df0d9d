package report

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// TestEachStubEndsAtItsNetwork counts the dots at each network's line: one for each node on the network.
func TestEachStubEndsAtItsNetwork(t *testing.T) {
	for _, file := range []string{"frr-bfd/scenario.yaml", "cilium-bgp-vrrp/scenario.yaml", "two-uplinks/scenario.yaml"} {
		s, err := scenario.Load("../../scenarios/"+file, lab.Kinds())
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.Make(s, "t", plan.Host{})
		if err != nil {
			t.Fatal(err)
		}
		svg := string(Topology(p))
		if path := os.Getenv("SKIDPAD_PICTURES"); path != "" {
			_ = os.WriteFile(path+"/"+s.Metadata.Name+".svg", []byte(strings.Replace(svg, "<svg ", `<svg xmlns="http://www.w3.org/2000/svg" `, 1)), 0o600)
		}
		rows, nets := arrange(p)
		on := map[string]int{}
		for _, b := range slices.Concat(rows...) {
			for _, n := range b.networks {
				on[n]++
			}
		}
		lines := regexp.MustCompile(`class="bus" d="M\d+ (\d+)H`).FindAllStringSubmatch(svg, -1)
		if len(lines) != len(nets) {
			t.Fatalf("%s: seen %d lines, want one for each of %q", file, len(lines), nets)
		}
		for i, line := range lines {
			if dots := strings.Count(svg, fmt.Sprintf(`cy="%s"`, line[1])); dots != on[nets[i]] || dots == 0 {
				t.Errorf("%s: network %s: seen %d dots, want %d", file, nets[i], dots, on[nets[i]])
			}
		}
	}
}
