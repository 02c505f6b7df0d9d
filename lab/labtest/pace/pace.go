// Package pace passes the machine's slowness, and the specs that have ended, between a run of tests (tools/runs) and its test
// processes. Both travel in the environment.
package pace

import (
	"encoding/json"
	"os"
	"strconv"
	"time"
)

const (
	// SlownessEnv is how many times slower the machine is than the reference of tools/runs; unset, it is 1.
	SlownessEnv = "SKIDPAD_SLOWNESS"
	// FileEnv is a file to which Ended appends; unset, Ended does nothing.
	FileEnv = "SKIDPAD_PROGRESS"
)

// Env is the variable for a test process on a machine that is slower by factor.
func Env(factor float64) string {
	return SlownessEnv + "=" + strconv.FormatFloat(factor, 'f', 2, 64)
}

// Stretch returns d for this machine. d is a guess, made on the reference, of the longest time until a condition holds.
// An outage, an interval of a protocol or the length of a flow is no guess and is never stretched.
func Stretch(d time.Duration) time.Duration {
	factor, err := strconv.ParseFloat(os.Getenv(SlownessEnv), 64)
	if err != nil || !(factor > 1) {
		return d
	}
	return time.Duration(float64(d) * factor)
}

// Spec is a spec that has ended, as a line of JSON.
type Spec struct {
	Text    string  `json:"text"`
	State   string  `json:"state"`
	Seconds float64 `json:"seconds"`
}

// Ended appends a spec to the file of FileEnv. Processes may append at the same time.
func Ended(s Spec) error {
	path := os.Getenv(FileEnv)
	if path == "" {
		return nil
	}
	line, err := json.Marshal(s)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(append(line, '\n')); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
