package live_test

import (
	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/live"
)

func init() { live.UseKinds(lab.Kinds()) }
