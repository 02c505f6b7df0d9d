package scenario

import (
	_ "embed"
	"slices"
)

// schemaJSON is generated from the types of this package, and from tags and comments of the types. A test compares schema.json.
//
//go:embed schema.json
var schemaJSON []byte

// Schema returns the JSON Schema (draft 2020-12) of scenario files, for editors and other tools. The schema describes only the
// form of a file. Load also finds mistakes beyond the form, such as overlapping prefixes. The error is always nil.
func Schema() ([]byte, error) { return slices.Clone(schemaJSON), nil }
