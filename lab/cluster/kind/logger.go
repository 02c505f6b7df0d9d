package kind

import (
	"fmt"
	"strings"
	"sync"

	"sigs.k8s.io/kind/pkg/log"
)

// logger keeps kind's output in case kind fails; kind's own progress lines would disturb ours.
type logger struct {
	mu    sync.Mutex
	lines []string
}

var _ log.Logger = (*logger)(nil)

func (l *logger) keep(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if text = strings.TrimSpace(text); text != "" {
		l.lines = append(l.lines, text)
	}
}

// tail returns the output to add to an error.
func (l *logger) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == 0 {
		return ""
	}
	return "\n" + strings.Join(l.lines[max(0, len(l.lines)-8):], "\n")
}

func (l *logger) Warn(m string)             { l.keep(m) }
func (l *logger) Warnf(f string, a ...any)  { l.keep(fmt.Sprintf(f, a...)) }
func (l *logger) Error(m string)            { l.keep(m) }
func (l *logger) Errorf(f string, a ...any) { l.keep(fmt.Sprintf(f, a...)) }
func (l *logger) V(level log.Level) log.InfoLogger {
	return infoLogger{l, level <= 0}
}

type infoLogger struct {
	l  *logger
	on bool
}

func (i infoLogger) Info(m string) {
	if i.on {
		i.l.keep(m)
	}
}

func (i infoLogger) Infof(f string, a ...any) {
	if i.on {
		i.l.keep(fmt.Sprintf(f, a...))
	}
}

func (i infoLogger) Enabled() bool { return i.on }
