package scenario

import (
	_ "embed"
	"slices"
)

// schemaJSON is generated from the types of this package, their tags and comments; a test compares it.
//
//go:embed schema.json
var schemaJSON []byte

// Schema returns the JSON Schema (draft 2020-12) of scenario files, for editors and other tools. It
// knows a file's form only: Load finds mistakes that it cannot, such as overlapping prefixes. The error
// is always nil.
func Schema() ([]byte, error) { return slices.Clone(schemaJSON), nil }
