//go:build !linux

package docker

// hostUses lists nothing: the engine is on another machine, perhaps a virtual machine, and so are all networks of labs.
func hostUses() ([]use, error) { return nil, nil }

// freeLink reports true: no bridge of a lab is on this machine.
func freeLink(string) bool { return true }

// portsOf removes nothing: no port of a lab is on this machine.
func portsOf(string) (remove func()) { return func() {} }
