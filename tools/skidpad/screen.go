package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// screen writes to a file. If the file is a terminal, live lines at the bottom are drawn again ten times a second.
type screen struct {
	mu    sync.Mutex
	w     io.Writer
	live  bool
	width int // of the terminal
	drawn int // live lines on the terminal
	quit  chan struct{}
	ticks sync.WaitGroup
}

func (s *screen) open(f *os.File, redraw func()) {
	s.w, s.live, s.quit = f, term.IsTerminal(int(f.Fd())), make(chan struct{})
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		s.width = w
	}
	if !s.live {
		return
	}
	s.ticks.Go(func() {
		t := time.NewTicker(100 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-s.quit:
				return
			case <-t.C:
				s.mu.Lock()
				redraw()
				s.mu.Unlock()
			}
		}
	})
}

// end ends the redrawing.
func (s *screen) end() {
	if s.live {
		close(s.quit)
		s.ticks.Wait()
	}
}

// erase removes the live lines.
func (s *screen) erase() {
	if s.drawn > 0 {
		fmt.Fprint(s.w, strings.Repeat("\x1b[1A\x1b[2K", s.drawn))
		s.drawn = 0
	}
}
