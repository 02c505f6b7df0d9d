package loss

import "embed"

// RecordSource is the source of package record, a part of the prober, which is compiled for the nodes of a lab.
//
//go:embed record/*.go
var RecordSource embed.FS
