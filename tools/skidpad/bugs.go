package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/bug"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/scenarios"
)

// bugIDs returns the IDs of all bugs, sorted.
func bugIDs() []string { return scenarioIDs(scenarios.Bugs + "/*/scenario.yaml") }

// loadBug reads a bug's scenario by its ID, or from a file if the argument looks like a file name.
func loadBug(idOrFile string) (*scenario.Scenario, error) {
	s, err := readBug(idOrFile)
	if err == nil && s.Bug == nil {
		return nil, usage("%s has no bug section; `skidpad repro list` shows the bugs", idOrFile)
	}
	return s, err
}

func readBug(idOrFile string) (*scenario.Scenario, error) {
	if strings.ContainsRune(idOrFile, filepath.Separator) || strings.HasSuffix(idOrFile, ".yaml") {
		return scenario.Load(idOrFile, lab.Kinds())
	}
	for _, folder := range scenarios.Folders() {
		name := path.Join(scenarios.Bugs, idOrFile, "scenario.yaml")
		s, err := scenario.LoadFS(folder, "scenarios", name, lab.Kinds())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return s, err
	}
	return nil, usage("no bug is called %q; there are: %s; `skidpad repro new %[1]s` creates a bug", idOrFile, strings.Join(bugIDs(), ", "))
}

// bugID is a bug's ID: its scenario's name.
func bugID(s *scenario.Scenario) string { return s.Metadata.Name }

// measured is a bug's last result on this machine.
type measured struct {
	Verdict bug.Verdict   `json:"verdict"`
	Why     string        `json:"why"`
	At      time.Time     `json:"at"`
	Took    time.Duration `json:"took"` // nanoseconds
}

func measuredFile(id string) (string, error) {
	dir, err := lab.Dir(".repro")
	return filepath.Join(dir, id+".json"), err
}

// remember stores a verdict for listings.
func remember(r *bug.Report) error {
	file, err := measuredFile(r.ID)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	data, err := json.Marshal(measured{r.Verdict, r.Why, r.Started, r.Took})
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

// lastMeasured returns the stored verdict, or nil without a measurement on this machine.
func lastMeasured(id string) *measured {
	file, err := measuredFile(id)
	if err != nil {
		return nil
	}
	data, err := os.ReadFile(file)
	var m measured
	if err != nil || json.Unmarshal(data, &m) != nil {
		return nil
	}
	return &m
}
