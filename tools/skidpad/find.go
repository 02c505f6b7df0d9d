package main

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/scenarios"
)

// defaultScenario is the scenario of `skidpad up` without an argument.
const defaultScenario = "cilium-bgp-vrrp"

// loadScenario reads a scenario by its name, or from a file if the argument looks like a file name.
func loadScenario(nameOrFile string) (*scenario.Scenario, error) {
	if strings.ContainsRune(nameOrFile, filepath.Separator) || strings.HasSuffix(nameOrFile, ".yaml") || strings.HasSuffix(nameOrFile, ".yml") {
		return scenario.Load(nameOrFile, lab.Kinds())
	}
	for _, folder := range scenarios.Folders() {
		if s, err := scenario.LoadFS(folder, "scenarios", scenarios.File(folder, nameOrFile), lab.Kinds()); !errors.Is(err, fs.ErrNotExist) {
			return s, err
		}
	}
	if slices.Contains(bugIDs(), nameOrFile) {
		return loadBug(nameOrFile)
	}
	return nil, usage("no scenario is called %q; there are: %s; a file's name ends in .yaml", nameOrFile, strings.Join(scenarioNames(), ", "))
}

// scenarioNames returns the names of all scenarios, sorted.
func scenarioNames() []string { return scenarioIDs("*/scenario.yaml") }

// namesWithVariants returns the names of all scenarios and of their variants, sorted.
func namesWithVariants() []string {
	names := scenarioNames()
	for _, folder := range scenarios.Folders() {
		variants, err := scenarios.Variants(folder)
		if err != nil {
			panic("lab bug: " + err.Error())
		}
		names = append(names, variants...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// scenarioIDs returns the names of the folders of scenarios with a path, sorted.
func scenarioIDs(pattern string) []string {
	var names []string
	for _, folder := range scenarios.Folders() {
		files, err := fs.Glob(folder, pattern)
		if err != nil {
			panic("lab bug: " + err.Error())
		}
		for _, f := range files {
			names = append(names, path.Base(path.Dir(f)))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
