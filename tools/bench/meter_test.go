package main

import (
	"maps"
	"testing"
	"time"
)

func TestTimesOfProcesses(t *testing.T) {
	stats := "12 (cilium-agent) S 1 1 1 0 -1 0 1 2 3 4 150 50 400 100 20 0\n" +
		"13 (a (b) c) S 1 1 1 0 -1 0 1 2 3 4 1 2 3 4 20 0\n" +
		"14 (etcd) S 1 1 1 0 -1 0 1 2 3 4 70 30 0 0 20 0\nbroken\n"
	got := processes([]byte(stats))
	want := map[string]time.Duration{"cilium-agent": 2 * time.Second, "clang and other children of cilium-agent": 5 * time.Second, "etcd": time.Second}
	for part, d := range want {
		if got[part] != d {
			t.Errorf("%s: seen %s, want %s", part, got[part], d)
		}
	}
	if len(got) != len(want) {
		t.Errorf("seen %v, want %v", got, want)
	}
	if name, own, _, ok := timesOf("13 (a (b) c) S 1 1 1 0 -1 0 1 2 3 4 1 2 3 4 20 0\n"); name != "a (b) c" || own != 30*time.Millisecond || !ok {
		t.Errorf("seen %q %s %v", name, own, ok)
	}
}

func TestPhases(t *testing.T) {
	got := phases("  17.6s  cluster      nodes: 3.97s\n  17.6s  cni          ok       17.3s  cilium\n 115.2 Cilium ready\nheld     routes 0.1 s\n")
	want := map[string]time.Duration{"cni": 17600 * time.Millisecond, "Cilium ready": 115200 * time.Millisecond}
	if !maps.Equal(got, want) {
		t.Errorf("seen %v, want %v", got, want)
	}
}
