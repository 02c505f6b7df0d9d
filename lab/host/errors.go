package host

import (
	"fmt"
	"strings"
)

// EngineError reports that no engine can make labs. The command line maps an EngineError to exit code 3.
type EngineError struct {
	Subject string // the subject: the engine at unix:///var/run/docker.sock
	Seen    string // the observation
	Do      string // the next step: a command, or a sentence
	Err     error  // the cause, if any
}

// Error returns one sentence for the observation and one for the remedy.
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

// tail returns the last n non-empty lines of text.
func tail(text string, n int) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n    ")
}
