package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

const guidePage = "../../docs/writing-scenarios.md"

// TestTheGuidesScenariosCanBePlanned loads each complete YAML block of the guide and makes its plan. A fragment replaces
// fields of spec in the complete block before it.
func TestTheGuidesScenariosCanBePlanned(t *testing.T) {
	text, err := os.ReadFile(guidePage)
	if err != nil {
		t.Fatal(err)
	}
	var last map[string]any
	complete, fragments := 0, 0
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1) {
		var block map[string]any
		if err := yaml.Unmarshal(m[1], &block); err != nil {
			t.Fatalf("%v\n%s", err, m[1])
		}
		if block["kind"] == scenario.Kind {
			complete, last = complete+1, block
		} else {
			fragments++
			maps.Copy(last["spec"].(map[string]any), block)
		}
		whole, err := yaml.Marshal(last)
		if err != nil {
			t.Fatal(err)
		}
		s, err := scenario.Parse(guidePage, whole, lab.Kinds())
		if err != nil {
			t.Errorf("%v\n%s", err, whole)
			continue
		}
		if _, err := plan.Make(s, s.Metadata.Name, plan.Host{}); err != nil {
			t.Errorf("%v\n%s", err, whole)
		}
	}
	if complete < 3 || fragments < 3 {
		t.Errorf("%s: seen %d complete scenarios and %d fragments, want at least 3 of each", guidePage, complete, fragments)
	}
}

// TestTheProjectsSuiteIsThatOfTheFixture compares the suite that a reader copies with the suite that a spec runs.
func TestTheProjectsSuiteIsThatOfTheFixture(t *testing.T) {
	text, err := os.ReadFile("../../docs/own-project.md")
	if err != nil {
		t.Fatal(err)
	}
	suite, err := os.ReadFile("../../fixtures/external/routers_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "```go\n"+string(suite)+"```\n") {
		t.Error("docs/own-project.md shows another suite than fixtures/external/routers_test.go")
	}
	for _, m := range regexp.MustCompile(`(?m)^    (skidpad .*)$`).FindAllSubmatch(text, -1) {
		parses(t, strings.TrimSpace(string(m[1])))
	}
}

// TestTheCommandsOfPagesParse parses each command of pages whose commands need a cluster. The YAML of the page about existing
// clusters is loaded by a test of lab/scenario.
func TestTheCommandsOfPagesParse(t *testing.T) {
	for page, want := range map[string]int{"existing-clusters": 5, "fleet": 5, "levers": 1, "scale": 3} {
		text, err := os.ReadFile("../../docs/" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		lines := regexp.MustCompile(`(?m)^    (skidpad .*)$`).FindAllSubmatch(text, -1)
		if len(lines) != want {
			t.Errorf("%s: seen %d commands, want %d", page, len(lines), want)
		}
		for _, m := range lines {
			parses(t, strings.TrimSpace(string(m[1])))
		}
	}
}

// TestTheScenariosOfPagesExist loads each scenario that a command in the README of a scenario, or in docs, names.
func TestTheScenariosOfPagesExist(t *testing.T) {
	t.Chdir("../..")
	var pages []string
	for _, pattern := range []string{"scenarios/*/README.md", "docs/*.md", "README.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	theReaders := map[string]bool{"own.yaml": true, "beside-mine.yaml": true, "own-cluster.yaml": true, "own-cluster": true, "two-routers": true}
	named := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^    skidpad (?:test|up) ([a-z][^\s]*)`).FindAllSubmatch(text, -1) {
			name := string(m[1])
			if theReaders[name] {
				continue
			}
			named++
			if _, err := loadScenario(name); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
	if named < 40 {
		t.Errorf("seen %d scenarios in commands, want at least 40", named)
	}
}

// TestTheGuidesCommandsParse parses each command of the guide, indented by four spaces, by the command tree.
func TestTheGuidesCommandsParse(t *testing.T) {
	text, err := os.ReadFile(guidePage)
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^    (skidpad .*)$`).FindAllSubmatch(text, -1)
	if len(lines) < 15 {
		t.Errorf("%s: seen %d commands, want at least 15", guidePage, len(lines))
	}
	for _, m := range lines {
		parses(t, strings.TrimSpace(string(m[1])))
	}
}
