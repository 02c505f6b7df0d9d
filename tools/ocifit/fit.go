package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"skidpad.dev/skidpad/lab/host/caps"
)

// fitFile rewrites a config.json or process.json in place, whole or not at all. A file without capabilities beyond
// granted stays as before.
func fitFile(path string, isConfig bool, granted caps.Set) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fit := fitProcess
	if isConfig {
		fit = fitConfig
	}
	fitted, changed, err := fit(data, granted)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if !changed {
		return nil
	}
	return replace(path, fitted, info.Mode().Perm())
}

// replace writes a file beside the old file and renames the new file, so no reader sees half of the content.
func replace(path string, data []byte, mode os.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".ocifit-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Chmod(mode), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// fitConfig drops from the process of an OCI runtime configuration (config.md, "process") the capabilities that are not
// granted. All other fields keep their values, large numbers too.
func fitConfig(data []byte, granted caps.Set) (fitted []byte, changed bool, err error) {
	return within(data, "process", func(process []byte) ([]byte, bool, error) {
		return fitProcess(process, granted)
	})
}

// fitProcess is fitConfig for a process.json, the "process" object alone.
func fitProcess(data []byte, granted caps.Set) (fitted []byte, changed bool, err error) {
	return within(data, "capabilities", func(sets []byte) ([]byte, bool, error) {
		return fitSets(sets, granted)
	})
}

// fitSets is fitConfig for the object of the five capability sets.
func fitSets(data []byte, granted caps.Set) ([]byte, bool, error) {
	var sets map[string][]string
	if err := json.Unmarshal(data, &sets); err != nil {
		return nil, false, fmt.Errorf("capabilities: %w", err)
	}
	changed := false
	for kind, asked := range sets {
		kept := asked[:0:0]
		for _, name := range asked {
			// An unknown name is left to runc.
			if !caps.Known(name) || granted.Has(name) {
				kept = append(kept, name)
			}
		}
		changed = changed || len(kept) != len(asked)
		sets[kind] = kept
	}
	if !changed {
		return data, false, nil
	}
	out, err := json.Marshal(sets)
	return out, true, err
}

// within applies edit to one field of a JSON object. An object without the field, or with null in the field, stays as
// before.
func within(data []byte, field string, edit func([]byte) ([]byte, bool, error)) ([]byte, bool, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, false, err
	}
	value, found := object[field]
	if !found || string(value) == "null" {
		return data, false, nil
	}
	edited, changed, err := edit(value)
	if err != nil || !changed {
		return data, false, err
	}
	object[field] = edited
	out, err := json.Marshal(object)
	return out, true, err
}
