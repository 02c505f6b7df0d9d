package plan_test

import (
	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/plan"
)

func init() { plan.UseKinds(lab.Kinds()) }
