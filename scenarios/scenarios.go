// Package scenarios finds scenarios by name. The folder holds the scenarios that come with skidpad, a folder each, and in bugs
// the scenarios that reproduce a bug.
package scenarios

import (
	"embed"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// FS holds <name>/scenario.yaml and <name>/README.md, and the same of bugs/<id>.
//
//go:embed */* bugs
var FS embed.FS

// Bugs is the folder of bugs among the scenarios.
const Bugs = "bugs"

// Folders returns the folders of scenarios, by precedence: the folder scenarios of the user's project, then FS.
func Folders() []fs.FS {
	var all []fs.FS
	if dir := Project(); dir != "" {
		all = append(all, os.DirFS(filepath.Join(dir, "scenarios")))
	}
	return append(all, FS)
}

// File returns the path of the scenario with a name in a folder of scenarios: NAME/scenario.yaml or, of the variant VARIANT of a
// scenario, FOLDER/VARIANT.yaml for the name FOLDER-VARIANT. Without such a file, File returns NAME/scenario.yaml.
func File(folder fs.FS, name string) string {
	file := path.Join(name, "scenario.yaml")
	if _, err := fs.Stat(folder, file); err == nil {
		return file
	}
	for i, c := range name {
		if variant := path.Join(name[:i], name[min(i+1, len(name)):]+".yaml"); c == '-' {
			if _, err := fs.Stat(folder, variant); err == nil {
				return variant
			}
		}
	}
	return file
}

// Variants returns the names of the variants in a folder of scenarios, FOLDER-VARIANT, sorted. Other YAML files beside a scenario,
// such as a chart's values, are none.
func Variants(folder fs.FS) ([]string, error) {
	files, err := fs.Glob(folder, "*/*.yaml")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		dir, file := path.Split(f)
		name, err := variant(folder, f)
		if want := path.Clean(dir) + "-" + strings.TrimSuffix(file, ".yaml"); err == nil && name == want {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// variant returns the name in a scenario file; empty for another file.
func variant(folder fs.FS, file string) (string, error) {
	data, err := fs.ReadFile(folder, file)
	if err != nil {
		return "", err
	}
	var head struct {
		Kind     string
		Metadata struct{ Name string }
	}
	if err := yaml.Unmarshal(data, &head); err != nil || head.Kind != "Scenario" {
		return "", err
	}
	return head.Metadata.Name, nil
}

// Project returns the first folder with scenarios/NAME/scenario.yaml or scenarios/bugs/ID/scenario.yaml, from the working
// directory upwards; empty without such a folder.
func Project() string {
	return Upwards("scenarios/*/scenario.yaml", "scenarios/"+Bugs+"/*/scenario.yaml")
}

// Upwards returns the first folder with a file that matches one of the patterns (filepath.Match), from the working directory
// upwards; empty without such a folder.
func Upwards(patterns ...string) string {
	dir, err := os.Getwd()
	for err == nil {
		for _, p := range patterns {
			if found, _ := filepath.Glob(filepath.Join(dir, filepath.FromSlash(p))); len(found) > 0 {
				return dir
			}
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return ""
}
