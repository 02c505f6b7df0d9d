package report_test

import (
	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/report"
)

func init() { report.UseKinds(lab.Kinds()) }
