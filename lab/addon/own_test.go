package addon

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"skidpad.dev/skidpad/lab/plan"
)

// TestOwnReady judges objects of the user's own: by a condition, or by the pods of a StatefulSet.
func TestOwnReady(t *testing.T) {
	object := func(status map[string]any) []*unstructured.Unstructured {
		return []*unstructured.Unstructured{{Object: map[string]any{"spec": map[string]any{"replicas": int64(2)}, "status": status}}}
	}
	ready := func(status string) []*unstructured.Unstructured {
		return object(map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": status, "reason": "Pending"}}})
	}
	pods := func(n int64) []*unstructured.Unstructured {
		return object(map[string]any{"readyReplicas": n, "updatedReplicas": n})
	}
	holds := func(condition string) func([]*unstructured.Unstructured) (bool, string) {
		return func(seen []*unstructured.Unstructured) (bool, string) { return conditionHolds(seen, condition) }
	}
	for _, c := range []struct {
		name string
		seen []*unstructured.Unstructured
		of   func([]*unstructured.Unstructured) (bool, string)
		want bool
		says string
	}{
		{"no object", nil, holds(""), false, "not there"},
		{"an object without a wanted condition", object(nil), holds(""), true, ""},
		{"no such condition", object(nil), holds("Ready=True"), false, "no condition Ready"},
		{"the other status", ready("False"), holds("Ready=True"), false, "Ready=False: Pending"},
		{"the status", ready("True"), holds("Ready=True"), true, ""},
		{"the negated status", ready("False"), holds("Ready=False"), true, ""},
		{"no StatefulSet", nil, statefulSetReady, false, "not there"},
		{"one pod of two", pods(1), statefulSetReady, false, "1 ready"},
		{"both pods", pods(2), statefulSetReady, true, ""},
	} {
		if got, says := c.of(c.seen); got != c.want || !strings.Contains(says, c.says) {
			t.Errorf("%s: seen %v (%s), want %v (%s)", c.name, got, says, c.want, c.says)
		}
	}
}

// TestOwnChartNotFound names the place of the chart in the user's file.
func TestOwnChartNotFound(t *testing.T) {
	p, _ := planned()
	for _, c := range []plan.Chart{
		{Path: filepath.Join(t.TempDir(), "gone")}, {Path: t.TempDir()},
		{Name: "web", Repository: "http://127.0.0.1:1"}, // port 1 has no server
	} {
		c.At = "scenario.yaml:7"
		a, err := NewPlanned(p, plan.Addon{Name: "chart web", Chart: &c}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = a.Prepare(t.Context())
		var refused *plan.RefusedError
		if !errors.As(err, &refused) || !strings.HasPrefix(err.Error(), "scenario.yaml:7: chart web: ") {
			t.Errorf("%+v: seen %v, want the place and the reason", c, err)
		}
	}
}
