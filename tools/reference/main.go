// Command reference generates files from the types of scenario files: the JSON Schema, and the pages in docs/reference. Run
// the command at the top of the repository, after a change of a type or of a member:
//
//	go run ./tools/reference
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"skidpad.dev/skidpad/lab"
)

const schemaFile = "lab/scenario/schema.json"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run() error {
	files, err := generate()
	if err != nil {
		return err
	}
	for name, data := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns all generated files, by path.
func generate() (map[string][]byte, error) {
	root, err := reflectAll(lab.Kinds())
	if err != nil {
		return nil, err
	}
	files, err := pages(root, lab.Kinds())
	if err != nil {
		return nil, err
	}
	schema, err := json.MarshalIndent(root, "", "  ")
	files[schemaFile] = append(schema, '\n')
	return files, err
}
