package host

import (
	"fmt"
	"strings"
)

// EngineError says that there is no engine that labs can be made with. The command line maps it to exit
// code 3.
type EngineError struct {
	Subject string // what was looked at: the engine at unix:///var/run/docker.sock
	Seen    string // what was seen
	Do      string // what to do next: a command, or a sentence
	Err     error  // the cause, if there is one
}

// Error is one sentence each for what was seen and what to do.
func (e *EngineError) Error() string {
	msg := fmt.Sprintf("%s: %s", e.Subject, e.Seen)
	if e.Err != nil && !strings.Contains(e.Seen, e.Err.Error()) {
		msg += ": " + strings.TrimSpace(e.Err.Error())
	}
	if e.Do != "" {
		msg += "\n  do: " + e.Do
	}
	return msg
}

// Unwrap returns the cause.
func (e *EngineError) Unwrap() error { return e.Err }
