package report

import "skidpad.dev/skidpad/lab/scenario"

// kinds is lab.Kinds(). Only an external test can import package lab, and sets the list.
var kinds scenario.Kinds

// UseKinds sets the members for the tests of this package.
func UseKinds(k scenario.Kinds) { kinds = k }
