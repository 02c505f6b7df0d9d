package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/bringup"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/plain"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/report"
	"skidpad.dev/skidpad/lab/router/bird"
	"skidpad.dev/skidpad/lab/router/frr"
	"skidpad.dev/skidpad/lab/router/gobgp"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// planted is a password that is searched for wherever skidpad writes.
const planted = "Planted.Hunter2"

const withPassword = `apiVersion: skidpad.dev/v1alpha1
kind: Scenario
metadata: {name: secret}
spec:
  networks: [{name: left}]
  routers:
    - {name: r1, networks: [left], bgp: {asn: 64513, peers: [{router: r2, password: ` + planted + `}, {router: r3, password: ` + planted + `}]}}
    - {name: r2, software: bird, networks: [left], bgp: {asn: 64514, peers: [{router: r1, password: ` + planted + `}]}}
    - {name: r3, software: gobgp, networks: [left], bgp: {asn: 64515, peers: [{router: r1, password: ` + planted + `}]}}
`

func scenarioFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs the command line and returns all that it prints, and its error.
func run(t *testing.T, args ...string) string {
	t.Helper()
	t.Setenv("DOCKER_HOST", "unix://"+t.TempDir()+"/no.sock")
	var out bytes.Buffer
	cmd := root()
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		fmt.Fprintln(&out, err)
	}
	return out.String()
}

func TestAPasswordIsWrittenNowhereButInARoutersConfiguration(t *testing.T) {
	file := scenarioFile(t, withPassword)
	s, err := scenario.Load(file, lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(s, "secret", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	for i, render := range []func(plan.Router) (string, error){frr.Render, bird.Render, gobgp.Render} {
		if config, err := render(p.Routers[i]); err != nil || !strings.Contains(config, planted) {
			t.Errorf("%s has no password to hide: %v", p.Routers[i].Name, err)
		}
	}
	written := map[string]string{
		"the scenario, printed": fmt.Sprintf("%v %+v %#v %s %q", s.Spec.Routers, s.Spec.Routers, s.Spec.Routers, s.Spec.Routers[0].BGP.Peers[0].Password, s.Spec.Routers[0].BGP.Peers[0].Password),
		"the plan, printed":     fmt.Sprintf("%v %+v %#v", p.Routers, *p, p.Routers[0].BGP.Neighbors),
		"the plan's text":       p.Text(),
		"up --dry-run":          run(t, "up", file, "--dry-run"),
		"graph":                 run(t, "graph", file) + run(t, "graph", file, "-o", "json") + run(t, "graph", file, "-o", "yaml"),
		"scenarios validate":    run(t, "scenarios", "validate", file),
	}
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	written["the plan's JSON"] = string(raw)
	other := *s
	other.Spec.Routers = append([]scenario.Router(nil), s.Spec.Routers...)
	changed := *s.Spec.Routers[0].BGP
	changed.Peers = append([]scenario.Peer(nil), changed.Peers...)
	changed.Peers[0].Password = "another"
	other.Spec.Routers[0].BGP = &changed
	differs := bringup.Same(p, &other)
	if differs == nil {
		t.Fatal("another password makes no other lab")
	}
	written["what differs from a running lab"] = differs.Error()
	dir := t.TempDir()
	r := report.Run{Scenario: "secret", Started: time.Unix(1, 0), Checks: []check.Result{{Name: "none", Verdict: check.Held}}}
	if err := report.Save(dir, r, p, nil, nil); err != nil {
		t.Fatal(err)
	}
	f, err := report.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := report.HTML(&page, []*report.Folder{f}, func(*report.Folder, report.Capture) string { return "" }); err != nil {
		t.Fatal(err)
	}
	written["the report's page"] = page.String()
	for _, name := range []string{"results.json", "plan.json"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		written["the report's "+name] = string(text)
	}
	for what, text := range written {
		if text == "" || strings.Contains(text, planted) {
			t.Errorf("%s has the password, or is empty:\n%.400s", what, text)
		}
	}
	if n := strings.Count(written["up --dry-run"], "not-shown"); n < 3 {
		t.Errorf("up --dry-run shows the place of a password %d times, wanted each router's configuration:\n%s", n, written["up --dry-run"])
	}
	for _, what := range []string{"up --dry-run", "graph", "the plan's JSON"} {
		if !strings.Contains(written[what], "r3") {
			t.Errorf("%s proves nothing:\n%.400s", what, written[what])
		}
	}
}

// An error of validation shows no password, whatever else is wrong with the line.
func TestAPasswordIsInNoError(t *testing.T) {
	for _, bad := range []string{
		"password: '" + planted + " with a blank'", "password: secret-" + planted, "password: [" + planted + "]", "password: {is: " + planted + "}",
		"password: !!int " + planted, "password: " + planted + ", password: " + planted, "password: &x " + planted + ", multihop: *x",
	} {
		text := strings.Replace(withPassword, "password: "+planted, bad, 1)
		out := run(t, "scenarios", "validate", scenarioFile(t, text))
		if !strings.Contains(out, "exit code 2") || strings.Contains(out, planted) {
			t.Errorf("%s:\n%s", bad, out)
		}
	}
}

// hostile is text that a terminal, a page, a shell or YAML would execute.
const hostile = "\x1b]0;x\x07\x1b[2J<script>alert(1)</script><img src=x onerror=alert(2)>$(touch pwned)`touch pwned`'; touch pwned; '\n- !!evil: &a [*a]"

func TestHostileNamesAreRefused(t *testing.T) {
	file := scenarioFile(t, withPassword)
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	for _, args := range [][]string{
		{"up", file, "--name", hostile, "--dry-run"}, {"up", hostile, "--dry-run"}, {"down", "--name", hostile}, {"graph", hostile}, {"scenarios", "show", hostile},
	} {
		t.Chdir(t.TempDir())
		if out := run(t, args...); !strings.Contains(out, "exit code") && !strings.Contains(out, "no scenario") && !strings.Contains(out, "engine") && !strings.Contains(out, "name") {
			t.Errorf("%q: %s", args, out)
		}
		if left, _ := filepath.Glob("*"); len(left) > 0 {
			t.Errorf("%q left %v", args, left)
		}
		if left, _ := filepath.Glob(filepath.Join(state, "skidpad", "%*")); len(left) > 0 {
			t.Errorf("%q left the folder %v", args, left)
		}
	}
	quoted, err := json.Marshal(hostile) // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"name: secret", "name: r1", "name: left"} {
		bad := strings.Replace(withPassword, name, "name: "+string(quoted), 1)
		if _, err := scenario.Parse("x.yaml", []byte(bad), lab.Kinds()); err == nil || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %q", name, fmt.Sprint(err))
		}
	}
}

// What others wrote reaches the terminal by the command's writers, by errors and by the steps of a bring-up.
func TestATerminalExecutesNothing(t *testing.T) {
	var out bytes.Buffer
	for name, w := range map[string]any{"standard output": root().OutOrStdout(), "standard error": root().ErrOrStderr()} {
		if _, ok := w.(*plain.Writer); !ok {
			t.Errorf("commands write to %s by a %T", name, w)
		}
	}
	if err := writeTable(plain.NewWriter(&out), []string{"NAME"}, [][]string{{hostile}}); err != nil {
		t.Fatal(err)
	}
	p := &progress{screen: screen{w: &out}, start: time.Now()}
	p.Begin("routers", hostile)
	p.Note("routers", hostile)
	p.End("routers", time.Second, nil)
	r := report.Run{Scenario: hostile, Notes: []string{hostile}, Checks: []check.Result{{Name: hostile, Verdict: check.Failed, Observed: hostile, Expected: hostile}}}
	if err := report.Text(&out, []report.Run{r}, true); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(&out, timeline.New(timeline.LaneBGP, hostile, hostile, hostile, nil).Line(0))
	if text := out.String(); strings.ContainsAny(text, "\x1b\x07") || strings.Count(text, `\u001b[2J`) < 8 {
		t.Errorf("seen %q", text)
	}
}
