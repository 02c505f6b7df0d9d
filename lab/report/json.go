package report

import (
	"encoding/json"
	"io"

	"skidpad.dev/skidpad/lab/check"
)

// JSON writes one object for each scenario, in order; a single scenario gives a single object: {"scenario": …,
// "checks": [{"name": …, "verdict": …, "expected": …, "observed": …}]}.
func JSON(w io.Writer, runs []Run) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	for _, r := range runs {
		if r.Checks == nil {
			r.Checks = []check.Result{} // scripts iterate over the list
		}
		if err := encoder.Encode(r); err != nil {
			return err
		}
	}
	return nil
}
