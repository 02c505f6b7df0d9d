package bringup

import (
	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/live"
)

// These exports serve the tests. The tests stand outside the package, because the list of all members imports this
// package.
type (
	Action = action
	Kept   = kept
)

var (
	Walk   = walk
	Encode = encode
	Decode = decode
)

// Installed returns every addon installed into the cluster of a lab.
func Installed(l *live.Lab) ([]addon.Addon, error) {
	return (&building{Lab: l, images: l.Images()}).addons()
}
