package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestAFabricOfAnySizeIsAValidScenario(t *testing.T) {
	for n, want := range map[int]int{2: 1, 3: 2, 20: 36, maxRouters: 2 * (maxRouters - 2)} {
		text, links := fabric(n)
		file := filepath.Join(t.TempDir(), "fabric.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := scenario.Load(file, lab.Kinds())
		if err != nil {
			t.Fatalf("%d routers: %v", n, err)
		}
		if links != want || len(s.Spec.Routers) != n || len(s.Spec.Networks) != links+2 {
			t.Errorf("%d routers: seen %d links, %d routers, %d networks; want %d links", n, links, len(s.Spec.Routers), len(s.Spec.Networks), want)
		}
	}
}

func TestAStepCountsEachVerbsOwnTime(t *testing.T) {
	before := map[string]time.Duration{}
	up := map[string]time.Duration{"command": 2 * time.Second, "engine": time.Second, "routers": 5 * time.Second}
	if seen := grown(up, before); seen != 8*time.Second {
		t.Errorf("up: seen %s, want 8s", seen)
	}
	status := map[string]time.Duration{"command": time.Second, "engine": 0, "routers": 6 * time.Second}
	if seen := grown(status, before); seen != 2*time.Second {
		t.Errorf("status: seen %s, want 2s", seen)
	}
	if seen := grown(map[string]time.Duration{"command": time.Second}, before); seen != time.Second {
		t.Errorf("down, whose containers are gone: seen %s, want 1s", seen)
	}
}
