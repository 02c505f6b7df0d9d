package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/timeline"
)

// journalName is a file beside the records. Every injector appends each action to the file, for watches in other processes.
const journalName = "journal.jsonl"

// looksEvery is how often Follow looks for new lines. The events contain the times, and the interval therefore costs no
// precision.
const looksEvery = 50 * time.Millisecond

// entry is a line of the journal.
type entry struct {
	PID   int            `json:"pid"`
	Event timeline.Event `json:"event"`
}

// tell appends an event to the journal in a single write. The lines of several processes therefore do not mix.
func (s store) tell(e timeline.Event) error {
	line, err := json.Marshal(entry{agent.ClientPID(), e})
	if err != nil {
		return fmt.Errorf("lab bug: an event of a fault: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(s.dir, journalName), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("journal of faults: %w", err)
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// Follow passes to sink the events of all faults of other processes, from now on until ctx ends. folder returns the lab's
// folder: this process's own, or agent.Folder, whose agent may start at any time. Follow calls ready as soon as no later event
// can be missed.
func Follow(ctx context.Context, folder func(context.Context) string, sink timeline.Sink, ready func()) error {
	since := timeline.Now() // an agent's container that starts again has the lines of its first life
	j := journal{path: pathIn(folder(ctx))}
	if info, err := os.Stat(j.path); err == nil {
		j.offset, since = info.Size(), 0
	}
	ready()
	tick := time.NewTicker(looksEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		j.path = pathIn(folder(ctx))
		events, err := j.next()
		if err != nil {
			return err
		}
		for _, e := range events {
			if e.At >= since {
				e.Wall = e.Wall.Local()
				sink.Add(e)
			}
		}
	}
}

// pathIn returns the journal in a lab's folder; "" if there is no folder.
func pathIn(folder string) string {
	if folder == "" {
		return ""
	}
	return filepath.Join(folder, "faults", journalName)
}

// journal reads a growing journal.
type journal struct {
	path   string
	offset int64
}

// next returns the new events of other processes. An incomplete line is left for the next call.
func (j *journal) next() ([]timeline.Event, error) {
	f, err := os.Open(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal of faults: %w", err)
	}
	defer func() { _ = f.Close() }() // opened only for reading
	if info, err := f.Stat(); err == nil && info.Size() < j.offset {
		j.offset = 0 // the journal of a new lab, or of a new container of the agent
	}
	data, err := io.ReadAll(io.NewSectionReader(f, j.offset, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("journal of faults: %w", err)
	}
	whole := data[:bytes.LastIndexByte(data, '\n')+1]
	j.offset += int64(len(whole))
	var events []timeline.Event
	for line := range bytes.Lines(whole) {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("journal of faults %s: %w; the line is %.120q", j.path, err, line)
		}
		if e.PID != agent.ClientPID() {
			events = append(events, e.Event)
		}
	}
	return events, nil
}
