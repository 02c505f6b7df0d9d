package fault_test

import (
	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/fault"
)

func init() { fault.UseKinds(lab.Kinds()) }
