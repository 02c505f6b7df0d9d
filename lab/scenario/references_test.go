package scenario_test

import (
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/scenarios"
)

// free are the fields of checks and bugs that hold text, or a name that the file itself gives.
var free = strings.Fields("name title link component affected fixedIn what version is has lacks matches text run apply kubectl as clear kind lane set only proto serviceIPs")

// reference matches a name in a field, with the kind of the target before and the node after: nodePort/echo@worker. Services
// (default/echo) may come from objects that the scenario does not know.
var reference = regexp.MustCompile(`^([a-zA-Z]+/)?([a-z0-9-]+)(@[a-z0-9-]+)?$`)

// TestReferences renames each reference in the checks and bugs of all shipped scenarios, one at a time. Each new name must be
// refused, for the scenario has nothing of that name.
func TestReferences(t *testing.T) {
	fields := map[string]bool{}
	for _, pattern := range []string{"*/*.yaml", "bugs/*/*.yaml"} {
		files, err := fs.Glob(scenarios.FS, pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			references(t, file, fields)
		}
	}
	if len(fields) < 40 {
		t.Errorf("seen references in %d fields, want at least 40: %s", len(fields), slices.Sorted(maps.Keys(fields)))
	}
}

func references(t *testing.T, file string, fields map[string]bool) {
	data, err := fs.ReadFile(scenarios.FS, file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := scenario.LoadFS(scenarios.FS, "", file, lab.Kinds())
	if err != nil {
		return // no scenario: the objects beside one
	}
	known := namesOf(&s.Spec)
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	var walk func(n *yaml.Node, at string)
	walk = func(n *yaml.Node, at string) {
		if n.Kind == yaml.ScalarNode {
			m := reference.FindStringSubmatch(n.Value)
			if m == nil || m[1] == "default/" || !slices.Contains(known, m[2]) || fields[at+" "+m[1]] {
				return
			}
			was := n.Value
			n.Value = m[1] + m[2] + "zz" + m[3]
			changed, err := yaml.Marshal(&root)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := scenario.LoadFS(overlay{scenarios.FS, file, changed}, "", file, lab.Kinds()); err == nil {
				t.Errorf("%s: %s: %q is accepted in place of %q", file, at, n.Value, was)
			}
			n.Value = was
			fields[at+" "+m[1]] = true
		}
		for i, c := range n.Content {
			switch {
			case n.Kind != yaml.MappingNode:
				walk(c, at)
			case i%2 == 1 && !slices.Contains(free, n.Content[i-1].Value):
				walk(c, strings.TrimPrefix(at+"."+n.Content[i-1].Value, "."))
			}
		}
	}
	for i := 0; i+1 < len(root.Content[0].Content); i += 2 {
		switch value := root.Content[0].Content[i+1]; root.Content[0].Content[i].Value {
		case "bug":
			walk(value, "bug")
		case "spec":
			for j := 0; j+1 < len(value.Content); j += 2 {
				if value.Content[j].Value == "checks" {
					walk(value.Content[j+1], "checks")
				}
			}
		}
	}
}

// overlay has other data for one file.
type overlay struct {
	fs.FS
	file string
	data []byte
}

// ReadFile reads a file.
func (o overlay) ReadFile(name string) ([]byte, error) {
	if name == o.file {
		return o.data, nil
	}
	return fs.ReadFile(o.FS, name)
}

// namesOf lists all names that the scenario gives.
func namesOf(s *scenario.Spec) []string {
	all := s.NodeNames()
	for _, n := range s.Networks {
		all = append(all, n.Name)
	}
	for _, r := range s.Routers {
		all = append(all, r.Name)
	}
	for _, h := range s.Hosts() {
		all = append(all, h.Name)
	}
	for _, g := range s.Gateways {
		all = append(all, g.Name)
	}
	for _, w := range s.Workloads {
		all = append(all, w.Echo.Name)
	}
	return all
}
