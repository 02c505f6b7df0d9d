package probe

import (
	"bytes"
	"encoding/json"

	"skidpad.dev/skidpad/lab/loss/record"
)

// lines gives a recording's lines to somebody who watches. What is no line of a recording is passed over: reading the
// whole afterwards tells.
type lines struct {
	to  func(record.Line)
	buf []byte // the begin of a line
}

// Write takes any part of a recording.
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
