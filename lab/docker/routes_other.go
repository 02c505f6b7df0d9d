//go:build !linux

package docker

// hostUses lists nothing: the engine is on another machine, perhaps a virtual machine, and so are all networks of labs.
func hostUses() ([]use, error) { return nil, nil }

// hasLink reports false: no bridge of a lab is on this machine.
func hasLink(string) bool { return false }
