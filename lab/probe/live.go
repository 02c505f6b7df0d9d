package probe

import (
	"bytes"
	"encoding/json"

	"skidpad.dev/skidpad/lab/loss/record"
)

// lines passes a recording's lines to a watcher. Text that is no line of a recording is skipped: reading the
// whole recording afterwards reports the fault.
type lines struct {
	to  func(record.Line)
	buf []byte // the begin of a line
}

// Write accepts any part of a recording.
func (l *lines) Write(p []byte) (int, error) {
	l.buf = append(l.buf, p...)
	for {
		text, rest, whole := bytes.Cut(l.buf, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		var line record.Line
		if json.Unmarshal(text, &line) == nil {
			l.to(line)
		}
		l.buf = rest
	}
}
