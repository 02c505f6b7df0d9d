package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/labtest/pace"
)

func TestLimitsFitTheMachine(t *testing.T) {
	third := speed{Work: reference.Work / 3, Starts: reference.Starts}
	for _, tt := range []struct {
		name     string
		s        speed
		slowness float64
		limit    time.Duration
	}{
		{"the reference", reference, 1, 75 * time.Minute},
		{"a third of its work", third, 3, 225 * time.Minute},
		{"a third of its starts", speed{Work: reference.Work, Starts: reference.Starts / 3}, 3, 225 * time.Minute},
		{"twice as fast", speed{Work: 2 * reference.Work, Starts: 2 * reference.Starts}, 0.5, 75 * time.Minute},
		{"no command to start", speed{Work: reference.Work / 2}, 2, 150 * time.Minute},
	} {
		if got := tt.s.slowness(); got < tt.slowness-0.001 || got > tt.slowness+0.001 {
			t.Errorf("%s: slowness %v, want %v", tt.name, got, tt.slowness)
		}
		if got := tt.s.limit(suitesWithin); got != tt.limit {
			t.Errorf("%s: limit %v, want %v", tt.name, got, tt.limit)
		}
	}
	for _, want := range []string{"3.00 times as long as the reference", "about 75 min", "(reference 7.5)", "(reference 2200)", "times 3.00"} {
		if got := third.foretell(); !strings.Contains(got, want) {
			t.Errorf("the forecast lacks %q:\n%s", want, got)
		}
	}
}

func TestMeasure(t *testing.T) {
	began := time.Now()
	s := measure()
	if took := time.Since(began); s.Work <= 0 || s.Starts <= 0 || took < measureFor {
		t.Errorf("%v after %v", s, took)
	}
}

// aSpec is a spec of a report.
func aSpec(text, state string, took time.Duration, labels ...string) spec {
	return spec{LeafNodeType: "It", LeafNodeText: text, LeafNodeLabels: labels, State: state, RunTime: took, suite: "bgp"}
}

func TestProgress(t *testing.T) {
	began := time.Now()
	specs := []spec{aSpec("known", "passed", 0), aSpec("new", "passed", 0), aSpec("cell", "passed", 0, "matrix"), aSpec("failed before", "passed", 0)}
	before := []spec{aSpec("known", "passed", 30*time.Second), aSpec("failed before", "failed", time.Hour)}
	p := newProgress(specs, before, 2, began)
	if want := 30*time.Second + 4*specTime + 2*cellTime; p.left(0) != want {
		t.Errorf("%v left at the start, want %v", p.left(0), want)
	}
	for _, step := range []struct {
		spec  pace.Spec
		after time.Duration
		want  string
	}{
		{pace.Spec{Text: "known", State: "passed", Seconds: 60}, 60 * time.Second, "[1 of 4, 0 failed] 1m0s elapsed, about 47 s left; passed in 60.0s: bgp: known"}, // twice as slow as before
		{pace.Spec{Text: "cell", State: "passed"}, 61 * time.Second, ""},
		{pace.Spec{Text: "new", State: "failed", Seconds: 1}, 62 * time.Second, "[3 of 4, 1 failed] 1m2s elapsed, about 18 s left; failed in 1.0s: bgp: new"},
		{pace.Spec{Text: "failed before", State: "passed"}, 63 * time.Second, "[4 of 4, 1 failed] 1m3s elapsed, about 0 s left; passed in 0.0s: bgp: failed before"},
	} {
		if got := p.add(step.spec, began.Add(step.after)); got != step.want {
			t.Errorf("seen   %q\nwanted %q", got, step.want)
		}
	}
}

func TestProgressFollowsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ended.jsonl")
	t.Setenv(pace.FileEnv, path)
	p := newProgress([]spec{aSpec("a", "passed", 0), aSpec("b", "passed", 0)}, nil, 1, time.Now())
	if err := pace.Ended(pace.Spec{Text: "a", State: "passed"}); err != nil {
		t.Fatal(err)
	}
	half, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	if _, err := half.WriteString(`{"text":"b","state":"pa`); err != nil {
		t.Fatal(err)
	}
	over := make(chan error)
	failed := errors.New("a spec failed")
	go func() {
		time.Sleep(lookEvery + lookEvery/2)
		_, _ = half.WriteString(`ssed","seconds":1}` + "\n")
		over <- failed
	}()
	var b strings.Builder
	if err := p.follow(path, over, &b); !errors.Is(err, failed) {
		t.Errorf("seen %v", err)
	}
	if got := b.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "[2 of 2, 0 failed]") {
		t.Errorf("seen %q", got)
	}
}
