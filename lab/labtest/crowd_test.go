package labtest

import (
	"slices"
	"testing"
	"time"
)

func TestLabsOfOthers(t *testing.T) {
	at := func(container string, second int64) *use {
		return &use{container: container, at: time.Unix(second, 0), cluster: true}
	}
	running := map[string]*use{
		"newest": at("a suite's first container", 30), "oldest": at("a suite's second container", 10), "middle": at("a suite's third container", 20),
		"before the specs": at("", 1), "same container": at("current", 2),
	}
	if got := ofOthers(running, []string{"current", "inner"}); !slices.Equal(got, []string{"oldest", "middle", "newest"}) {
		t.Error(got)
	}
	if got := ofOthers(running, nil); !slices.Equal(got, []string{"same container", "oldest", "middle", "newest"}) {
		t.Error("outside of specs:", got)
	}
}

func TestCrowded(t *testing.T) {
	for available, want := range map[int64]bool{0: false, 1 << 30: true, crowdMemory: false} {
		if got := crowded(available); got != want {
			t.Errorf("%d bytes: %v, wanted %v", available, got, want)
		}
	}
}
