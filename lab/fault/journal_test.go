package fault

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"skidpad.dev/skidpad/lab/timeline"
)

func TestJournalTellsWhatOtherProcessesDid(t *testing.T) {
	s := store{dir: t.TempDir()}
	j := journal{path: filepath.Join(s.dir, journalName)}
	if events, err := j.next(); len(events) != 0 || err != nil {
		t.Fatalf("no journal yet: %v, %v", events, err)
	}
	own := timeline.New(timeline.LaneFault, "r1", "inject", "own", nil)
	if err := s.tell(own); err != nil {
		t.Fatal(err)
	}
	theirs := timeline.New(timeline.LaneFault, "r2", "inject", "theirs", nil)
	line, err := json.Marshal(entry{os.Getpid() + 1, theirs})
	if err != nil {
		t.Fatal(err)
	}
	write := func(data []byte) {
		t.Helper()
		f, err := os.OpenFile(j.path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write(line[:20])
	if events, err := j.next(); len(events) != 0 || err != nil {
		t.Fatalf("half a line: %v, %v", events, err)
	}
	write(append(line[20:], '\n'))
	events, err := j.next()
	if err != nil || len(events) != 1 || events[0].Text != "theirs" || events[0].At != theirs.At {
		t.Fatalf("seen %+v, %v; wanted the other process's event alone", events, err)
	}
	if events, err := j.next(); len(events) != 0 || err != nil {
		t.Fatalf("told twice: %v, %v", events, err)
	}
	write([]byte("nonsense\n"))
	if _, err := j.next(); err == nil {
		t.Error("a line that is no event is no error")
	}
}

func TestFollowReadsAFolderThatAppearsLater(t *testing.T) {
	line := func(at int64, text string) string {
		data, err := json.Marshal(entry{os.Getpid() + 1, timeline.Event{At: at, Lane: timeline.LaneFault, Text: text}})
		if err != nil {
			t.Fatal(err)
		}
		return string(data) + "\n"
	}
	first, second := t.TempDir(), t.TempDir()
	for _, dir := range []string{first, second} {
		if err := os.Mkdir(filepath.Join(dir, "faults"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	put := func(dir, text string) {
		if err := os.WriteFile(pathIn(dir), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(first, line(1, "of an earlier life")+line(math.MaxInt64, "one")+line(math.MaxInt64, "two"))
	put(second, line(math.MaxInt64, "three"))
	looks := 0
	var seen []string
	ctx, cancel := context.WithCancel(t.Context())
	_ = Follow(ctx, func(context.Context) string { // ends with ctx
		switch looks++; {
		case looks < 3:
			return ""
		case len(seen) < 2:
			return first
		}
		return second
	}, timeline.SinkFunc(func(e timeline.Event) {
		if seen = append(seen, e.Text); len(seen) == 3 {
			cancel()
		}
	}), func() {})
	if want := []string{"one", "two", "three"}; !slices.Equal(seen, want) {
		t.Errorf("seen %q, want %q", seen, want)
	}
}
