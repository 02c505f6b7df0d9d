package scenario_test

import (
	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/scenario"
)

func init() { scenario.UseKinds(lab.Kinds()) }
