package signal

import (
	"context"

	"skidpad.dev/skidpad/lab/scenario"
)

// Lost names a flow and shows the share of lost packets, in per cent, rounded up. Of flows side by side the worst counts.
type Lost string

// JudgedBy is a number.
func (Lost) JudgedBy() scenario.Judgement { return scenario.ByContent }

// SetDefaults has nothing to fill in.
func (Lost) SetDefaults(*scenario.Spec) {}

// Flow is the flow's name.
func (s Lost) Flow() string { return string(s) }

// Validate checks that an earlier step sends the flow.
func (s Lost) Validate(v *scenario.Validation, path string) { v.Sent(path, string(s)) }

// Read stops the flow.
func (s Lost) Read(ctx context.Context, r *Run) (Value, error) {
	_, lost, err := r.worst(ctx, string(s))
	return lost, err
}
