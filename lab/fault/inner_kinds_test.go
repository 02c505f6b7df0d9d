package fault

import "skidpad.dev/skidpad/lab/scenario"

// kinds is lab.Kinds(). Only a test outside of the package can import package lab; the test calls UseKinds with the list.
var kinds scenario.Kinds

// UseKinds sets the members for the tests of this package.
func UseKinds(k scenario.Kinds) { kinds = k }
