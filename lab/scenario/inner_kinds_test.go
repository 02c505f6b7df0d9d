package scenario

// kinds is lab.Kinds(). Only a test from outside can import package lab, and hands the list in.
var kinds Kinds

// UseKinds sets the members for the tests of this package.
func UseKinds(k Kinds) { kinds = k }
