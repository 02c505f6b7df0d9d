package fault

import (
	"fmt"
	"strings"
)

// Skipped is the error of a fault that this host cannot make.
type Skipped struct { //nolint:errname // reads as what the fault is: fault.Skipped
	Fault fmt.Stringer
	// Needs is the kernel option that is off: NET_SCH_NETEM.
	Needs string
	Err   error // what the kernel said
}

// Error names what is missing.
func (e *Skipped) Error() string {
	return fmt.Sprintf("fault %s: skipped: this kernel lacks %s: %v", e.Fault, e.Needs, e.Err)
}

// Unwrap returns what the kernel said.
func (e *Skipped) Unwrap() error { return e.Err }

// Invalid is the error of a fault that cannot be meant. It holds every mistake.
type Invalid struct { //nolint:errname // reads as what the fault is: fault.Invalid
	Fault    string // as it was written, or its String
	Problems []string
}

// Error lists the mistakes: seen …, want ….
func (e *Invalid) Error() string {
	return fmt.Sprintf("fault %s: %s", e.Fault, strings.Join(e.Problems, "; "))
}

// NotFoundError says that no fault has this ID.
type NotFoundError struct {
	Lab, ID string
}

// Error says how to see which there are.
func (e *NotFoundError) Error() string {
	return fmt.Sprintf("lab %s has no fault %q in force; see `skidpad fault list --name %s`", e.Lab, e.ID, e.Lab)
}
