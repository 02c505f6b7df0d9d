package fault

import (
	"fmt"
	"strings"
)

// Skipped is the error of a fault that needs a missing kernel option.
type Skipped struct { //nolint:errname // reads as what the fault is: fault.Skipped
	Fault fmt.Stringer
	// Needs is the missing kernel option: NET_SCH_NETEM.
	Needs string
	Err   error // the kernel's error
}

// Error names the missing kernel option.
func (e *Skipped) Error() string {
	return fmt.Sprintf("fault %s: skipped: this kernel lacks %s: %v", e.Fault, e.Needs, e.Err)
}

// Unwrap returns the kernel's error.
func (e *Skipped) Unwrap() error { return e.Err }

// Invalid is the error of a fault with mistakes. Invalid holds every mistake.
type Invalid struct { //nolint:errname // reads as what the fault is: fault.Invalid
	Fault    string // the fault as written, or String of the fault
	Problems []string
}

// Error lists the mistakes: seen …, want ….
func (e *Invalid) Error() string {
	return fmt.Sprintf("fault %s: %s", e.Fault, strings.Join(e.Problems, "; "))
}

// NotFoundError reports an ID without a fault.
type NotFoundError struct {
	Lab, ID string
}

// Error names the command that lists the faults.
func (e *NotFoundError) Error() string {
	return fmt.Sprintf("lab %s has no fault %q in force; see `skidpad fault list --name %s`", e.Lab, e.ID, e.Lab)
}
