package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
	data, err := fs.ReadFile(scenarios.FS, nameOrFile+"/scenario.yaml")
	if errors.Is(err, fs.ErrNotExist) && slices.Contains(bugIDs(), nameOrFile) {
		return loadBug(nameOrFile)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage("no scenario is called %q; there are: %s; a file's name ends in .yaml", nameOrFile, strings.Join(scenarioNames(), ", "))
	}
	if err != nil {
		return nil, err
	}
	return scenario.Parse("scenarios/"+nameOrFile+"/scenario.yaml", data, lab.Kinds())
}

// scenarioNames returns the names of the embedded scenarios.
func scenarioNames() []string {
	entries, err := fs.ReadDir(scenarios.FS, ".")
	if err != nil {
		panic(fmt.Sprintf("lab bug: the embedded scenarios cannot be read: %v", err))
	}
	var names []string
	for _, e := range entries {
		if e.Name() != bugsFolder {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}

// sourceRoot returns the folder of skidpad's source, needed to build images: SKIDPAD_SOURCE, or the first folder with
// the source upwards of the working directory or of the program. sourceRoot returns "" without a source.
func sourceRoot() string {
	if dir := os.Getenv("SKIDPAD_SOURCE"); dir != "" {
		return dir
	}
	var starts []string
	if wd, err := os.Getwd(); err == nil {
		starts = append(starts, wd)
	}
	if exe, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(exe))
	}
	for _, dir := range starts {
		for ; ; dir = filepath.Dir(dir) {
			b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
			if err == nil && strings.HasPrefix(string(b), "module skidpad.dev/skidpad\n") {
				return dir
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return ""
}
