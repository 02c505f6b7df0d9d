package main

import (
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/fault"
)

// The command line accepts every kind of fault, with every field, as scenario files do.
func TestFaultHasAFlagForEveryField(t *testing.T) {
	cmd := faultCmd()
	flags := 0
	for _, k := range fault.Kinds() {
		if !strings.Contains(cmd.Long, "\n  "+string(k.Kind)+" ") {
			t.Errorf("the help does not list %s", k.Kind)
		}
		for _, field := range append(k.Needs, k.Takes...) {
			flags++
			if cmd.Flags().Lookup(field) == nil {
				t.Errorf("%s takes %s, and no flag has this name", k.Kind, field)
			}
		}
	}
	if flags == 0 || cmd.Flags().Lookup("for") == nil {
		t.Errorf("%d flags were looked for, and for is %v", flags, cmd.Flags().Lookup("for"))
	}
}
