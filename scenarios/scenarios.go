// Package scenarios holds the scenarios that come with skidpad, a folder each, and in bugs those that reproduce a bug.
package scenarios

import "embed"

// FS holds <name>/scenario.yaml and <name>/README.md, and the same of bugs/<id>.
//
//go:embed */* bugs
var FS embed.FS
