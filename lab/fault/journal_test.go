package fault

import (
	"encoding/json"
	"os"
	"path/filepath"
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
