package report

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// chromium is a tab of a headless Chromium, driven by the DevTools protocol (chromedevtools.github.io/devtools-protocol) over
// two pipes: JSON messages that end with a zero byte.
type chromium struct {
	to      *os.File
	session string
	hear    func(method string, params json.RawMessage) // gets all events; set before the first call

	mu      sync.Mutex
	last    int
	waiting map[int]chan message
}

// message is an answer or an event.
type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// browserWithin bounds the life of a browser.
const browserWithin = 2 * time.Minute

// startChromium starts a browser, which ends with the test.
func startChromium(t *testing.T, program string, hear func(string, json.RawMessage)) (*chromium, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), browserWithin)
	cmd := exec.CommandContext(ctx, program, "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(), "about:blank")
	// The processes of a browser outlive its first one, and write into its folder: all are killed, and Wait returns when the
	// last has closed the pipe of its errors.
	var said bytes.Buffer
	cmd.Stderr, cmd.SysProcAttr, cmd.WaitDelay = &said, &syscall.SysProcAttr{Setpgid: true}, browserWithin
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	theirs, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, answers, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{theirs, answers} // descriptors 3 and 4
	err = cmd.Start()
	_, _ = theirs.Close(), answers.Close()
	if err != nil {
		cancel()
		return nil, err
	}
	c := &chromium{to: to, hear: hear, waiting: map[int]chan message{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.read(from)
	}()
	t.Cleanup(func() {
		cancel()
		if err := cmd.Wait(); errors.Is(err, exec.ErrWaitDelay) {
			t.Errorf("processes of the browser still run %v after the kill; it said: %s", browserWithin, said.Bytes())
		}
		<-done
		_, _ = to.Close(), from.Close()
	})
	return c, c.attach()
}

// attach finds the first tab; further calls are the tab's.
func (c *chromium) attach() error {
	var targets struct {
		TargetInfos []struct{ TargetID, Type string }
	}
	if err := c.call("Target.getTargets", nil, &targets); err != nil {
		return err
	}
	for _, i := range targets.TargetInfos {
		if i.Type == "page" {
			var attached struct{ SessionID string }
			err := c.call("Target.attachToTarget", map[string]any{"targetId": i.TargetID, "flatten": true}, &attached)
			c.session = attached.SessionID
			return err
		}
	}
	return errors.New("chromium has no tab")
}

// read takes messages until the browser ends.
func (c *chromium) read(from *os.File) {
	for r := bufio.NewReader(from); ; {
		data, err := r.ReadBytes(0)
		var m message
		if err != nil || json.Unmarshal(data[:len(data)-1], &m) != nil {
			break
		}
		if m.ID == 0 {
			c.hear(m.Method, m.Params)
			continue
		}
		c.mu.Lock()
		answer := c.waiting[m.ID]
		delete(c.waiting, m.ID)
		c.mu.Unlock()
		if answer != nil {
			answer <- m
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, answer := range c.waiting {
		close(answer)
	}
	c.waiting = nil
}

// call makes a call and reads the result into result, unless nil.
func (c *chromium) call(method string, params map[string]any, result any) error {
	answer := make(chan message, 1)
	c.mu.Lock()
	c.last++
	order := map[string]any{"id": c.last, "method": method, "params": params}
	if params == nil {
		order["params"] = map[string]any{}
	}
	if c.session != "" {
		order["sessionId"] = c.session
	}
	data, err := json.Marshal(order)
	if c.waiting == nil {
		err = errors.New("the browser has ended")
	}
	if err == nil {
		c.waiting[c.last] = answer
		_, err = c.to.Write(append(data, 0))
	}
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	m, ok := <-answer
	switch {
	case !ok:
		return fmt.Errorf("%s: the browser ended without an answer", method)
	case m.Error != nil:
		return fmt.Errorf("%s: %s", method, m.Error.Message)
	case result == nil:
		return nil
	}
	return json.Unmarshal(m.Result, result)
}
