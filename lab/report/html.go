package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/check"
)

// The page is one file with style, scripts and data; its security policy blocks everything else.
var (
	//go:embed page/report.html.tmpl
	pageTemplate string
	//go:embed page/report.css
	pageStyle string
	//go:embed page/data.js
	scriptData string
	//go:embed page/view.js
	scriptView string
	//go:embed page/draw.js
	scriptDraw string
	//go:embed page/rows.js
	scriptRows string
	//go:embed page/timeline.js
	scriptTimeline string
)

// page is the template's data.
type page struct {
	Title, Policy string
	Style         template.CSS
	Script        template.JS
	Runs          []pageRun
}

type pageRun struct {
	Index    int
	Run      Run
	Topology template.HTML
	Parts    []string // software and versions
	Tally    []tally
	Measures []measure
	Others   []measure
	Gaps     []string
	Data     template.JS
	Events   int
	Attempts int
	Outside  int // events outside of the run's time
	Timeline bool
}

type tally struct {
	Verdict check.Verdict
	N       int
}

// HTML writes runs as one self-contained page without network access. link returns the path from the page to a capture.
func HTML(w io.Writer, folders []*Folder, link func(*Folder, Capture) string) error {
	script := "'use strict';\n(() => {\n" + strings.Join([]string{scriptData, scriptView, scriptDraw, scriptRows, scriptTimeline}, "\n") + "})();\n"
	sum := sha256.Sum256([]byte(script))
	p := page{Style: template.CSS(pageStyle), Script: template.JS(script), Title: "skidpad",
		Policy: "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"}
	var names []string
	for i, f := range folders {
		r, err := pageRunOf(i, f, link)
		if err != nil {
			return err
		}
		p.Runs = append(p.Runs, r)
		names = append(names, f.Run.Scenario)
	}
	p.Title = strings.Join(names, ", ") + " · skidpad report"
	t, err := template.New("report").Funcs(template.FuncMap{"short": short, "ms": milliseconds, "details": allDetails, "percent": percent, "thousands": thousands}).Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("lab bug: the report's template: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, p); err != nil {
		return fmt.Errorf("lab bug: the report's template: %w", err)
	}
	_, err = w.Write(out.Bytes())
	return err
}

func pageRunOf(i int, f *Folder, link func(*Folder, Capture) string) (pageRun, error) {
	r := pageRun{Index: i, Run: f.Run, Gaps: f.Gaps, Timeline: len(f.Events)+len(f.Flows) > 0}
	if f.Plan != nil {
		r.Topology, r.Parts = Topology(f.Plan), partsOf(f)
	}
	for _, v := range []check.Verdict{check.Failed, check.Unknown, check.Held, check.Skipped} {
		if n := f.Run.count(v); n > 0 {
			r.Tally = append(r.Tally, tally{v, n})
		}
	}
	var measures []measure
	for j, c := range f.Run.Checks {
		m := measureOf(f, c, link)
		m.Number, m.ID = j, fmt.Sprintf("check-%d-%d", i, j)
		measures = append(measures, m)
		if m.Measured != nil || len(m.flows) > 0 {
			r.Measures = append(r.Measures, m)
		} else {
			r.Others = append(r.Others, m)
		}
	}
	data := compactOf(f, measures)
	r.Events, r.Outside = len(data.Events), len(f.Events)-len(data.Events)
	for _, fl := range data.Flows {
		r.Attempts += len(fl.Took)
	}
	// Marshal escapes <, > and &, so no text of an event can end the script element.
	raw, err := json.Marshal(data)
	r.Data = template.JS(raw)
	return r, err
}

// partsOf lists the software of the lab.
func partsOf(f *Folder) []string {
	var parts []string
	s := f.Plan.Scenario
	if s == nil {
		return nil
	}
	if c := s.Spec.Cluster; c != nil {
		parts = append(parts, "Kubernetes "+c.Kubernetes+" on "+string(c.Provider))
	}
	for _, a := range f.Plan.Addons {
		parts = append(parts, strings.TrimSpace(a.Name+" "+a.Version))
	}
	seen := map[string]bool{}
	for _, r := range s.Spec.Routers {
		if !seen[string(r.Software)] {
			seen[string(r.Software)] = true
			parts = append(parts, string(r.Software))
		}
	}
	return append(parts, "lab "+f.Plan.Lab)
}

// allDetails returns a check's rows as a table of plain text.
func allDetails(c check.Result) string { return details(c, true) }

// milliseconds formats a duration for outages: 131 ms, 12.4 s.
func milliseconds(d time.Duration) string {
	switch {
	case d == 0:
		return "0 ms"
	case d >= 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return thousands(int(d.Round(time.Millisecond)/time.Millisecond)) + " ms"
	}
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// window is a bound's least and most: 226–326 ms.
func window(b *bound.Bound) string {
	most := milliseconds(b.Max)
	if b.Min == 0 {
		return most
	}
	least := milliseconds(b.Min)
	if number, unit, _ := strings.Cut(least, " "); strings.HasSuffix(most, " "+unit) {
		least = number
	}
	return least + "–" + most
}

// thousands formats a number with thin spaces between groups of three.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// percent is a part of a bar, in 0.1 %.
func percent(part, whole time.Duration) string {
	return fmt.Sprintf("%.1f", min(100, 100*float64(part)/float64(cmp.Or(whole, 1))))
}
