// Command reference generates files from the types of scenario files: the JSON Schema. Run the command at the top of
// the repository, after a change of a type or of a member:
//
//	go run ./tools/reference
package main

import (
	"fmt"
	"os"
)

const schemaFile = "lab/scenario/schema.json"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run() error {
	schema, err := generateSchema()
	if err != nil {
		return err
	}
	return os.WriteFile(schemaFile, schema, 0o644)
}
