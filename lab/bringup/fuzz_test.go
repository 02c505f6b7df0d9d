package bringup

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/labtest/small"
	"skidpad.dev/skidpad/lab/scenario"
)

// packed returns JSON in the form of a plan's label.
func packed(t testing.TB, raw []byte) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// FuzzLabel reads any text as a plan's label, and as the JSON in a label. Every plan read this way must answer queries.
func FuzzLabel(f *testing.F) {
	f.Add("", []byte(`{"plan":{"lab":"l","scenario":{"apiVersion":"skidpad.dev/v1alpha1","kind":"Scenario"},"routers":[{"name":"r1"}]},"images":{"frr":{}}}`))
	f.Add(packed(f, []byte(`{"plan":{}}`)), []byte(`{}`))
	f.Fuzz(func(t *testing.T, label string, raw []byte) {
		small.Reader(t, func() {
			_, _ = decode(label, scenario.Kinds{})
			if k, err := read(raw, scenario.Kinds{}); err == nil {
				_ = k.Plan.Places()
				if _, err := json.Marshal(k); err != nil {
					t.Errorf("%s is not written again: %v", raw, err)
				}
			}
		})
	})
}

func TestALabelThatUnpacksToFarTooMuchIsRefused(t *testing.T) {
	label := packed(t, []byte(`{"plan":{"lab":"`+strings.Repeat("x", 200<<20)+`"}}`))
	small.Reader(t, func() {
		if _, err := decode(label, scenario.Kinds{}); err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("seen %v", err)
		}
	})
}
