package bringup

import (
	"context"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/live"
)

// These exports serve the tests. The tests stand outside the package, because the list of all members imports this
// package.
type (
	Action = action
	Kept   = kept

	Maker     = maker
	Installer = installer
)

var (
	Walk   = walk
	Encode = encode
	Decode = decode

	AsSkip       = asSkip
	KernelLacks  = kernelLacks
	ClaimSubnets = claimSubnets
	Sentence     = sentence
	ThawOrder    = thawOrder
)

// Build walks the plan's steps with makers of the test.
func Build(ctx context.Context, l *live.Lab, make maker, install installer, of cluster.Provider, networked func(), p Progress) error {
	b := &building{Lab: l, images: l.Images(), missing: l.Missing(), networked: networked, cluster: of, make: make, install: install}
	return walk(ctx, l.Plan.Lab, l.Plan.Steps, b.actions(), p)
}

// Installed returns every addon installed into the cluster of a lab.
func Installed(l *live.Lab) ([]addon.Addon, error) {
	return (&building{Lab: l, images: l.Images(), install: inEngine{plan: l.Plan, images: l.Images()}}).addons()
}
