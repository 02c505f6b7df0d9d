// Package scenarios holds the scenarios that come with skidpad, a folder each.
package scenarios

import "embed"

// FS holds <name>/scenario.yaml and <name>/README.md.
//
//go:embed */scenario.yaml */README.md
var FS embed.FS
