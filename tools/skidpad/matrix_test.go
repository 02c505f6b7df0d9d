package main

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestJobs(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("bgp/suite_test.go", "package bgp_test\n")
	write("bgp/a_test.go", "package bgp_test\nvar _ = Describe(\"a\", Label(\"bgp\", \"slow\"), func() {})\n")
	write("bgp/b_test.go", "package bgp_test\nvar _ = Describe(\"b\", Label(\"bgp\"), func() { It(\"is\", Label(\"slow\")) })\n")
	write("ha/suite_test.go", "package ha_test\nvar _ = AfterSuite(func() {})\n")
	write("ha/a_test.go", "package ha_test\nvar _ = Describe(\"a\", Label(\"ha\", \"slow\"), func() { It(\"is\", Label(\"x\")) })\n")
	write("l2/suite_test.go", "package l2_test\nvar _ = It(\"is\", Label(\"l2\"))\n")
	for label, want := range map[string][]job{
		"":     {{"bgp", "./suites/bgp", "!slow"}, {"bgp-slow", "./suites/bgp", "slow"}, {"ha-slow", "./suites/ha", "slow"}, {"l2", "./suites/l2", "!slow"}},
		"l2":   {{"l2", "./suites/l2", "l2 && !slow"}},
		"none": {},
	} {
		if got, err := jobsOf(dir, label); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("label %q: %v, %v; want %v", label, got, err, want)
		}
	}
	if _, err := jobsOf(t.TempDir(), ""); err == nil {
		t.Error("a folder without suites gave no error")
	}
}

func TestEverySuiteHasAJob(t *testing.T) {
	jobs, err := jobsOf(filepath.Join("..", "..", "suites"), "")
	if err != nil || len(jobs) < 6 {
		t.Errorf("%v, %v; want a job for each suite", jobs, err)
	}
}
