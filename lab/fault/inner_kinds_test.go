package fault

import "skidpad.dev/skidpad/lab/scenario"

// kinds is lab.Kinds(). Only a test from outside can import package lab, and hands the list in.
var kinds scenario.Kinds

// UseKinds sets the members for the tests of this package.
func UseKinds(k scenario.Kinds) { kinds = k }
