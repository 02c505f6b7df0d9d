package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/matrix"
)

// aRun is a report with a spec of each outcome.
func aRun(t *testing.T) string {
	t.Helper()
	cell, err := json.Marshal(matrix.NewVerdict(matrix.Cells()[0], "own", true))
	if err != nil {
		t.Fatal(err)
	}
	quoted, err := json.Marshal(string(cell))
	if err != nil {
		t.Fatal(err)
	}
	text := `[{"SuiteDescription": "bgp", "RunTime": 9000000000, "SpecReports": [
		{"LeafNodeType": "It", "ContainerHierarchyTexts": ["A session"], "LeafNodeText": "comes up", "State": "passed", "RunTime": 2000000000, "NumAttempts": 1,
		 "ReportEntries": [{"Name": "lab up", "Value": {"AsJSON": "{\"Lab\": \"one\", \"Seconds\": 1.5}"}},
		 {"Name": "measured", "Value": {"AsJSON": "{\"What\": \"r1 killed\", \"Expected\": \"within 326ms\", \"Observed\": \"out for 231ms\"}"}},
		 {"Name": "matrix-cell", "Value": {"AsJSON": ` + string(quoted) + `}}]},
		{"LeafNodeType": "It", "LeafNodeText": "stays down", "LeafNodeLabels": ["negative-control"], "State": "failed", "RunTime": 5000000000, "NumAttempts": 1,
		 "Failure": {"Message": "it came up\nand more"}, "ReportEntries": [{"Name": "folder", "Value": {"AsJSON": "\"/somewhere/stays-down\""}}]},
		{"LeafNodeType": "It", "LeafNodeText": "is not for this kernel", "State": "skipped", "Failure": {"Message": "no such option"}},
		{"LeafNodeType": "It", "LeafNodeText": "was left out", "State": "skipped"},
		{"LeafNodeType": "AfterSuite", "State": "passed"}]}]`
	path := filepath.Join(t.TempDir(), "suites.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReport(t *testing.T) {
	file := aRun(t)
	var b strings.Builder
	if err := report(file, &b); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(file), name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	html, whole := read("suites.html"), read("suites.txt")
	for _, want := range []string{"2 specs, 1 negative controls, 1 matrix cells, 1 failed", "   5.0s  bgp: stays down", "1.5s  bring-up of lab one", "in total: 1.5s bring-up of labs",
		"FAILED bgp: stays down", "  it came up\n  and more\n", "skipped: bgp: is not for this kernel: no such option"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, b.String())
		}
		if !strings.Contains(whole, want) {
			t.Errorf("suites.txt lacks %q", want)
		}
	}
	for _, want := range []string{"POD", "failed  bgp: stays down", "may:  within 326ms\n    cost: out for 231ms"} {
		if !strings.Contains(whole, want) || strings.Contains(b.String(), want) {
			t.Errorf("%q belongs in suites.txt, and there alone:\n%s", want, whole)
		}
	}
	for _, want := range []string{"stays-down/spec.txt", "A session comes up", `class="held"`, "out for 231ms"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(b.String(), "was left out") {
		t.Error("the report shows specs that the filter left out")
	}
}

func TestThePageExecutesNoText(t *testing.T) {
	const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)>`
	m := summary{Failed: []spec{aSpec(evil, "failed", 0)}, Slowest: []spec{aSpec(evil, "passed", 0)}, Suites: []suiteLine{{Name: evil}},
		Labs: []raised{{Lab: evil}}, Measured: []measured{{What: evil, Expected: evil, Observed: evil, Spec: aSpec(evil, "passed", 0)}}}
	m.Failed[0].Failure.Message = evil + "\x1b[2J"
	path := filepath.Join(t.TempDir(), "suites.html")
	if err := m.html(path); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(page), "<script>alert") || strings.Contains(string(page), "<img") || !strings.Contains(string(page), "alert(2)") {
		t.Errorf("a text of the run became markup, %v", err)
	}
	if text := m.lists() + m.short(); strings.Contains(text, "\x1b") || !strings.Contains(text, `\u001b[2J`) {
		t.Errorf("a terminal executes the message of a failure: %q", text)
	}
}

func TestARunOfNothingIsNotGreen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "suites.json")
	if err := os.WriteFile(path, []byte(`[{"SuiteDescription": "bgp", "SpecReports": [{"LeafNodeType": "It", "State": "skipped"}]}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := report(path, &strings.Builder{}); err == nil || !strings.Contains(err.Error(), "no spec ran") {
		t.Errorf("seen %v", err)
	}
}

func TestASeriesGoesOnWhereItStopped(t *testing.T) {
	now := time.Now()
	began := func(s, r int) entry { return entry{Series: s, Run: r, Began: now} }
	ended := func(s, r int) entry { return entry{Series: s, Run: r, Began: now, Ended: now, Green: true} }
	for _, tt := range []struct {
		name          string
		past          []entry
		fresh         bool
		number, ended int
	}{
		{"nothing yet", nil, false, 1, 0},
		{"two ended", []entry{began(1, 1), ended(1, 1), began(1, 2), ended(1, 2)}, false, 1, 2},
		{"the second was cut", []entry{began(1, 1), ended(1, 1), began(1, 2)}, false, 1, 1},
		{"a later series", []entry{ended(1, 1), ended(1, 2), began(2, 1)}, false, 2, 0},
		{"a fresh one", []entry{ended(1, 1)}, true, 2, 0},
	} {
		if number, ended := position(tt.past, tt.fresh); number != tt.number || ended != tt.ended {
			t.Errorf("%s: series %d, %d ended; want %d, %d", tt.name, number, ended, tt.number, tt.ended)
		}
	}
	path := filepath.Join(t.TempDir(), "reports", "runs.jsonl")
	for _, e := range []entry{began(1, 1), ended(1, 1)} {
		if err := appendRecord(path, e); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readRecord(path)
	if err != nil || len(got) != 2 || !got[1].Green || !got[0].Ended.IsZero() {
		t.Errorf("the position in the record is %+v, %v", got, err)
	}
	var b strings.Builder
	if err := tell(&b, got, 1); err != nil || !strings.Contains(b.String(), "1 of 1 runs green") {
		t.Errorf("%q, %v", b.String(), err)
	}
}
