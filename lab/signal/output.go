package signal

import (
	"context"
	"strconv"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

// Output shows the output of a command, line by line. A single number is a number.
type Output struct {
	byContent
	withoutDefaults
	scenario.Exec
}

// Validate checks the node and the names in the command line.
func (s *Output) Validate(v *scenario.Validation, path string) { v.Exec(path, s.Exec) }

// Read runs the command.
func (s *Output) Read(ctx context.Context, r *Run) (Value, error) {
	out, err := r.Shell(ctx, s.Exec)
	if err != nil {
		return Value{}, err
	}
	var all []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	if len(all) == 1 {
		if n, err := strconv.ParseFloat(all[0], 64); err == nil {
			return Number(n, "", all...), nil
		}
	}
	return Lines(all...), nil
}
