package report

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// byPath links captures from a page in the folder.
func byPath(_ *Folder, c Capture) string { return c.Path }

func TestSaveAndOpen(t *testing.T) {
	s := syntheticRun(1600, 300)
	dir := saved(t, s)
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Gaps) > 0 {
		t.Errorf("gaps: %q", f.Gaps)
	}
	if f.Run.Scenario != s.run.Scenario || !f.Run.Started.Equal(s.run.Started) || len(f.Run.Checks) != len(s.run.Checks) {
		t.Errorf("run %s with %d checks, wanted %s with %d", f.Run.Scenario, len(f.Run.Checks), s.run.Scenario, len(s.run.Checks))
	}
	if f.Plan == nil || len(f.Plan.Routers) != 2 {
		t.Errorf("plan %+v", f.Plan)
	}
	if len(f.Events) != len(s.events) || len(f.Flows) != len(s.flows) || len(f.Captures) != 3 {
		t.Errorf("%d events, %d flows, %d captures; wanted %d, %d, 3", len(f.Events), len(f.Flows), len(f.Captures), len(s.events), len(s.flows))
	}
	for i, fl := range f.Flows {
		if !reflect.DeepEqual(fl, s.flows[i]) {
			t.Errorf("flow %d of %s differs from the saved flow", i, fl.Check)
		}
	}
}

func TestSaveTakesTheRecordingsOfTheRun(t *testing.T) {
	s := syntheticRun(1600, 300)
	dir := filepath.Join(t.TempDir(), "run")
	if err := Save(dir, s.run, nil, s.events, nil); err != nil {
		t.Fatal(err)
	}
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Flows) != len(s.flows) || f.Flows[0].Check != s.run.Checks[0].Name || f.Plan != nil {
		t.Errorf("%d flows, the first of %q", len(f.Flows), f.Flows[0].Check)
	}
}

func TestOpenTellsWhatItLacks(t *testing.T) {
	dir := saved(t, syntheticRun(1600, 300))
	for name, content := range map[string]string{"timeline.jsonl": "{}\n", "plan.json": "{", "flows/01.jsonl.gz": "no gzip"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Gaps) != 3 || len(f.Flows) != 7 {
		t.Errorf("%d gaps %q and %d flows; wanted 3 and 7", len(f.Gaps), f.Gaps, len(f.Flows))
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("an empty folder is no run, yet there is no error")
	}
}

func TestFindTakesTheLatest(t *testing.T) {
	root := t.TempDir()
	for _, run := range []string{"b/20261120T100000Z", "a/20261120T110000Z", "c/20261119T230000Z"} {
		if err := Save(filepath.Join(root, run), Run{Scenario: run}, nil, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	for in, want := range map[string]string{root: "a/20261120T110000Z", filepath.Join(root, "c"): "c/20261119T230000Z", filepath.Join(root, "b/20261120T100000Z"): "b/20261120T100000Z"} {
		if got, err := Find(in); err != nil || got != filepath.Join(root, want) {
			t.Errorf("in %s found %s, %v; wanted %s", in, got, err, want)
		}
	}
	if _, err := Find(t.TempDir()); err == nil {
		t.Error("nothing is there, yet there is no error")
	}
}

func pageOf(t testing.TB, dir string) []byte {
	t.Helper()
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := HTML(&out, []*Folder{f}, byPath); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// largestPage bounds the page of 100,000 attempts and 5,000 events, in bytes.
const largestPage = 5 << 20

func TestPageIsSmallAndWhole(t *testing.T) {
	began := time.Now()
	page := pageOf(t, saved(t, syntheticRun(100_000, 5000)))
	t.Logf("%d bytes, made in %v", len(page), time.Since(began))
	if len(page) > largestPage {
		t.Errorf("the page has %d bytes, want at most %d", len(page), largestPage)
	}
	for _, want := range []string{"failover: kill r1", "RFC 9568, 6.1", "captures/failover-kill-bgpd-on-r1/fabric.pcapng", "AS 64513", "1\u202f240 ms"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, tag := range regexp.MustCompile(`(?:src|href|url)\s*[=(]\s*["']?([^"' >)]+)`).FindAllSubmatch(page, -1) {
		if bytes.Contains(tag[1], []byte("//")) {
			t.Errorf("the page refers to %s", tag[1])
		}
	}
}

func TestPageEscapesWhatItShows(t *testing.T) {
	const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)>`
	on := []plan.Attachment{{Network: evil}}
	lab := &plan.Plan{Lab: evil, Networks: []plan.Network{{Name: evil}}, Routers: []plan.Router{{Name: evil, Software: evil, Networks: on}},
		Clients: []plan.Client{{Name: evil, Network: on[0]}}, Cluster: &plan.Cluster{Network: evil, Nodes: []plan.Node{{Name: evil, Short: evil}}},
		Scenario: &scenario.Scenario{Metadata: scenario.Metadata{Name: evil}}}
	f := &Folder{Plan: lab, Run: Run{Scenario: evil, Notes: []string{evil}, Checks: []check.Result{{Name: evil, Verdict: check.Failed, Observed: evil}}}, Gaps: []string{evil},
		Events: []timeline.Event{{At: 1, Lane: timeline.LaneBGP, Subject: evil, Kind: evil, Text: evil, Fields: map[string]string{evil: evil}}}}
	var out bytes.Buffer
	if err := HTML(&out, []*Folder{f}, byPath); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "<script>alert") || strings.Contains(out.String(), "<img") {
		t.Error("a text of the run became markup")
	}
}

func TestPageOfARunWithNothing(t *testing.T) {
	var out bytes.Buffer
	if err := HTML(&out, []*Folder{{Run: Run{Scenario: "empty", Skipped: "no image"}}}, byPath); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "Nothing was checked: no image") || strings.Contains(out.String(), "<section class=\"timeline") {
		t.Error("a skipped run says why, and has no timeline")
	}
}

// Text must have a contrast of 4.5 against its background (WCAG 2.2, 1.4.3), graphics 3 (1.4.11).
func TestContrast(t *testing.T) {
	themes := strings.SplitN(pageStyle, "prefers-color-scheme: dark", 2)
	for i, theme := range []string{"light", "dark"} {
		colour := map[string]float64{}
		for _, m := range regexp.MustCompile(`--(\w+): #([0-9a-f]{6});`).FindAllStringSubmatch(themes[i], -1) {
			colour[m[1]] = luminance(t, m[2])
		}
		for _, pair := range []struct {
			on, what string
			least    float64
		}{
			{"bg", "ink", 7}, {"bg", "ink2", 4.5}, {"panel", "ink2", 4.5}, {"bg", "accent", 4.5}, {"panel", "accent", 4.5},
			{"oksoft", "ok", 4.5}, {"badsoft", "bad", 4.5}, {"warnsoft", "warn", 4.5}, {"line", "ink2", 4.5}, {"warnsoft", "ink", 4.5},
			{"panel", "bad", 4.5}, {"oksoft", "bad", 3}, {"panel", "ok", 3}, {"panel", "warn", 3}, {"warnsoft", "ok", 3}, {"warnsoft", "bad", 3}, {"bg", "ok", 4.5}, {"bg", "bad", 4.5}, {"bg", "warn", 4.5},
		} {
			a, b := colour[pair.on], colour[pair.what]
			if got := (max(a, b) + 0.05) / (min(a, b) + 0.05); got < pair.least {
				t.Errorf("%s: %s on %s has a contrast of %.2f, wanted %.1f", theme, pair.what, pair.on, got, pair.least)
			}
		}
	}
}

// luminance is WCAG's relative luminance of a colour RRGGBB.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		sum += weight * linear(float64(n>>(16-8*i)&0xff)/255)
	}
	return sum
}
