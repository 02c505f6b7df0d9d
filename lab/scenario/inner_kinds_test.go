package scenario

// kinds is lab.Kinds(). Only a test outside of this package can import package lab, and calls UseKinds.
var kinds Kinds

// UseKinds sets the members for the tests of this package.
func UseKinds(k Kinds) { kinds = k }
