package bringup

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// DiffersError lists the differences between a running lab and the requested scenario.
type DiffersError struct {
	Lab  string
	Diff []string
}

// Error lists the differences.
func (e *DiffersError) Error() string {
	msg := fmt.Sprintf("lab %s runs another scenario than the one asked for:", e.Lab)
	for _, d := range e.Diff {
		msg += "\n  " + d
	}
	return msg + fmt.Sprintf("\ngive the new lab another --name, or take this one down first: skidpad down --name %s", e.Lab)
}

// Same returns a *DiffersError if the lab of a plan runs another scenario than s. Checks may differ, because checks make
// no part of the lab.
func Same(p *plan.Plan, s *scenario.Scenario) error {
	runs, err := flatten(p.Scenario)
	if err != nil {
		return err
	}
	asked, err := flatten(s)
	if err != nil {
		return err
	}
	var diff []string
	for path, have := range runs {
		if want, ok := asked[path]; !ok {
			diff = append(diff, fmt.Sprintf("%s: runs %s, not asked for", path, have))
		} else if want != have {
			diff = append(diff, fmt.Sprintf("%s: runs %s, asked for %s", path, have, want))
		}
	}
	for path, want := range asked {
		if _, ok := runs[path]; !ok {
			diff = append(diff, fmt.Sprintf("%s: asked for %s, does not run", path, want))
		}
	}
	if len(diff) == 0 {
		return nil
	}
	slices.Sort(diff)
	return &DiffersError{Lab: p.Lab, Diff: diff}
}

// flatten lists the fields of a scenario as paths with values.
func flatten(s *scenario.Scenario) (map[string]string, error) {
	spec := s.Spec
	spec.Checks = nil
	raw, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, err
	}
	flat := map[string]string{}
	flattenInto(flat, "spec", tree)
	return flat, nil
}

func flattenInto(flat map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			flattenInto(flat, path+"."+k, e)
		}
	case []any:
		for i, e := range v {
			flattenInto(flat, fmt.Sprintf("%s[%d]", path, i), e)
		}
	default:
		flat[path] = fmt.Sprint(v)
		if text, ok := v.(string); ok && strings.Contains(text, "\n") {
			flat[path] = fmt.Sprintf("%d lines (SHA-256 %.8x)", strings.Count(text, "\n"), sha256.Sum256([]byte(text)))
		}
	}
}
