package lab

import "skidpad.dev/skidpad/lab/scenario"

// Kinds is the list of all members of all kinds. A new member is a folder or a file, and a line here.
func Kinds() scenario.Kinds {
	return scenario.Kinds{}
}
