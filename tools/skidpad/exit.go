package main

import (
	"errors"
	"fmt"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// The exit codes that scripts rely on.
const (
	exitHeld    = 0
	exitFailed  = 1 // a check failed
	exitUsage   = 2 // the usage or the scenario is wrong
	exitNoLab   = 3 // the lab could not be made, or is not there
	exitUnknown = 4 // not reproduced, or not observable
)

// exitError carries an exit code and, unless already printed, a message.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage marks err as a mistake in the call of the command.
func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// exitCode returns the program's exit code for an error.
func exitCode(err error) int {
	var e *exitError
	var invalid *scenario.Invalid
	var misnamed *plan.LabNameError
	switch {
	case err == nil:
		return exitHeld
	case errors.As(err, &e):
		return e.code
	case errors.As(err, &invalid), errors.As(err, &misnamed):
		return exitUsage
	}
	return exitNoLab
}
