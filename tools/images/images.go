// Package images holds the pinned versions of everything that images are built from, a module X.mod with its X.sum for each
// part. `go get -modfile=tools/images/X.mod MODULE@VERSION` in the source tree's root pins another version.
package images

import "embed"

// FS holds the files. A folder with a go.mod would be a module of its own, and would be missing in a download of skidpad's
// module, so no file is named go.mod.
//
//go:embed *.mod *.sum
var FS embed.FS
