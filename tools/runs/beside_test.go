package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestBesideIsAFlag(t *testing.T) {
	for text, want := range map[string]string{"cpu=4,io=1": "cpu=4,io=1", "io=2": "cpu=0,io=2", "cpu": "", "gpu=1": "", "cpu=-1": "", "cpu=1000": "", "": ""} {
		var b beside
		if err := b.Set(text); (err == nil) != (want != "") || err == nil && b.String() != want {
			t.Errorf("%q: %s, %v", text, &b, err)
		}
	}
}

func TestBesideWorksAndEnds(t *testing.T) {
	dir := t.TempDir()
	stop, err := (&beside{CPU: 2, IO: 1}).start(dir)
	if err != nil {
		t.Fatal(err)
	}
	written := filepath.Join(dir, "beside-0")
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if info, err := os.Stat(written); err == nil && info.Size() > 0 {
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatal("nothing is written")
		}
	}
	busy := ours(t)
	stop()
	if left := ours(t); len(busy) < 3 || len(left) > 0 {
		t.Errorf("%d processes ran, want 3; %v are left", len(busy), left)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) > 0 {
		t.Errorf("%v are left", files)
	}
}

// ours are the running processes whose argument is this process's ID.
func ours(t *testing.T) (found []string) {
	t.Helper()
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	if len(all) == 0 {
		t.Skip("no /proc here")
	}
	for _, path := range all {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), fmt.Sprintf("\x00sh\x00%d\x00", os.Getpid())) {
			found = append(found, path)
		}
	}
	return found
}

func TestAQuotaIsSetAndLifted(t *testing.T) {
	write := func(root, name, text string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	none, noCPU, noEngine, root := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	write(noCPU, "cgroup.controllers", "memory pids\n")
	write(noEngine, "cgroup.controllers", "cpu memory\n")
	write(root, "cgroup.controllers", "cpu memory\n")
	write(root, "docker/cpu.max", "max 100000\n")
	for dir, want := range map[string]string{none: "no cgroup v2", noCPU: "no controller cpu", noEngine: "no group of its own"} {
		if q, err := slow(dir, 0.3); q != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	q, err := slow(root, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	limit := fmt.Sprintf("%d 100000", 50_000*runtime.NumCPU())
	for _, name := range []string{"docker/cpu.max", "skidpad-runs/cpu.max"} {
		if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(got) != limit {
			t.Errorf("%s: %q, %v, want %q", name, got, err, limit)
		}
	}
	if got := q.command("make", "e2e"); got[len(got)-1] != "e2e" || !strings.HasSuffix(got[3], "skidpad-runs/cgroup.procs") {
		t.Errorf("seen %q", got)
	}
	if err := os.Remove(filepath.Join(root, "skidpad-runs", "cpu.max")); err != nil { // a kernel's group goes with its files
		t.Fatal(err)
	}
	if err := q.lift(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(root, "docker/cpu.max")); string(got) != "max 100000" {
		t.Errorf("docker/cpu.max is %q after the lifting", got)
	}
	if _, err := os.Stat(filepath.Join(root, "skidpad-runs")); err == nil {
		t.Error("the suites' group is still there")
	}
	var no *quota
	if got := no.command("make"); len(got) != 1 || no.lift() != nil {
		t.Errorf("without a quota: %q", got)
	}
}

func TestTheMachineOfARun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stat")
	if err := os.WriteFile(path, []byte("cpu  100 0 50 800 10 0 0 40 7 0\ncpu0 1 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := stolen(path); got != [2]float64{40, 1000} {
		t.Errorf("stolen and all: %v", got)
	}
	if err := os.WriteFile(path, []byte("3.25 1.00 0.50 2/300 4711\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := loadNow(path); got != 3.25 {
		t.Errorf("load %v", got)
	}
}

// A run leaves a record of the machine, of what ran beside it and of its commit, whatever became of it.
func TestARunIsRecordedWithItsMachine(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "make"), []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	record := filepath.Join(dir, "runs.jsonl")
	if err := series(context.Background(), 1, record, false, conditions{beside: beside{CPU: 1}}, &strings.Builder{}); err == nil {
		t.Error("a run whose make fails is green")
	}
	all, err := readRecord(record)
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	e := all[1]
	if e.Green || e.Error == "" || e.Machine == nil || e.Machine.Slowness <= 0 || e.Machine.Speed.Work <= 0 || e.Beside == nil || e.Beside.CPU != 1 || e.Commit == "" {
		t.Errorf("recorded %+v, %+v", e, e.Machine)
	}
}
