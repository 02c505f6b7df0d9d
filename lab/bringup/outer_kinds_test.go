package bringup_test

import (
	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/bringup"
)

func init() { bringup.UseKinds(lab.Kinds()) }
