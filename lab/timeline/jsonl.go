package timeline

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// WriteJSONL writes the events in order, each as a JSON object on its own line.
func (t *Timeline) WriteJSONL(w io.Writer) error {
	buffered := bufio.NewWriter(w)
	enc := json.NewEncoder(buffered)
	for _, e := range t.Events() {
		if err := enc.Encode(e); err != nil {
			return fmt.Errorf("timeline: event %s %s %s: %w", e.Lane, e.Subject, e.Kind, err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("timeline: %w", err)
	}
	return nil
}

// ErrTruncated is wrapped by ReadJSONL's error if the last line is cut off: the writer died.
var ErrTruncated = errors.New("the last line is cut off")

// ReadJSONL reads the output of WriteJSONL and skips blank lines. On an error, ReadJSONL also returns the
// events before the unreadable line.
func ReadJSONL(r io.Reader) (*Timeline, error) {
	t := &Timeline{}
	in := bufio.NewReader(r)
	for number := 1; ; number++ {
		line, readErr := in.ReadBytes('\n')
		ended := errors.Is(readErr, io.EOF)
		if readErr != nil && !ended {
			return t, fmt.Errorf("timeline: line %d: %w", number, readErr)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			var e Event
			if err := json.Unmarshal(line, &e); err != nil && ended {
				return t, fmt.Errorf("timeline: line %d: %w: %w", number, ErrTruncated, err)
			} else if err != nil {
				return t, fmt.Errorf("timeline: line %d is no event: %w; it begins %.60q", number, err, line)
			}
			if e.At == 0 || e.Lane == "" {
				return t, fmt.Errorf("timeline: line %d is no event: \"at\" and \"lane\" are wanted; it begins %.60q", number, line)
			}
			t.Add(e)
		}
		if ended {
			return t, nil
		}
	}
}
