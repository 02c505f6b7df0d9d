package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Recording is a recording as read.
type Recording struct {
	Start    Start
	Attempts []Attempt // of all flows, in the order of the lines
	End      *End      // nil: it was cut before its end
}

// Of are the attempts of one flow, in the order of their lines.
func (r *Recording) Of(flow int) []Attempt {
	var of []Attempt
	for _, a := range r.Attempts {
		if a.Flow == flow {
			of = append(of, a)
		}
	}
	return of
}

// FlowEnd is what the last line says of a flow, or nil where the recording was cut.
func (r *Recording) FlowEnd(flow int) *FlowEnd {
	if r.End == nil {
		return nil
	}
	for i := range r.End.Flows {
		if r.End.Flows[i].Flow == flow {
			return &r.End.Flows[i]
		}
	}
	return nil
}

// Read reads a recording. One that was cut, even in the middle of a line, is no error: End is nil.
// An error is a line in its midst that is no record, or the lack of a first line.
func Read(r io.Reader) (*Recording, error) {
	var (
		rec     Recording
		started bool
		number  int
		buf     = bufio.NewReaderSize(r, 64<<10)
	)
	for {
		text, err := buf.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			// A line without its newline was cut: what it says is not used.
			if !started {
				return nil, fmt.Errorf("recording: it has no first line with the clock and the flows: read %d lines and %q", number, clip(text))
			}
			return &rec, nil
		}
		if err != nil {
			return nil, fmt.Errorf("recording: line %d: %w", number+1, err)
		}
		number++
		var line Line
		if err := json.Unmarshal(text, &line); err != nil {
			return nil, fmt.Errorf("recording: line %d: %q is no record: %w", number, clip(text), err)
		}
		if err := rec.add(line, started); err != nil {
			return nil, fmt.Errorf("recording: line %d: %w", number, err)
		}
		started = true
	}
}

func (r *Recording) add(line Line, started bool) error {
	switch {
	case line.Start != nil && started:
		return errors.New("a second first line")
	case line.Start != nil:
		r.Start = *line.Start
	case !started:
		return errors.New("the first line must hold the clock and the flows")
	case r.End != nil:
		return errors.New("a line after the end")
	case line.Attempt != nil:
		r.Attempts = append(r.Attempts, *line.Attempt)
	case line.End != nil:
		r.End = line.End
	default:
		return errors.New("neither start, attempt nor end")
	}
	return nil
}

// clip keeps messages readable when the line is not ours.
func clip(text []byte) []byte {
	text = bytes.TrimSpace(text)
	if len(text) > 80 {
		return text[:80]
	}
	return text
}
