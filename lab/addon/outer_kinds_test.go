package addon_test

import (
	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/addon"
)

func init() { addon.UseKinds(lab.Kinds()) }
