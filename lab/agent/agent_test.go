package agent

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// serve runs handlers at the other end of a connection; ended is closed when all calls have finished.
func serve(t *testing.T, handlers map[string]Handler) (c *Client, ended chan error) {
	t.Helper()
	near, far := net.Pipe()
	ended = make(chan error, 1)
	go func() { ended <- Serve(far, handlers) }()
	c, err := NewClient(t.Context(), near)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.hello(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c, ended
}

func TestCallsShareAConnection(t *testing.T) {
	c, _ := serve(t, map[string]Handler{
		// Doubles numbers until the client stops sending.
		"double": func(_ context.Context, s *Stream) error {
			for {
				var n int
				if err := s.Receive(&n); errors.Is(err, io.EOF) {
					return nil
				} else if err != nil {
					return err
				}
				if err := s.Send(2 * n); err != nil {
					return err
				}
			}
		},
		"fail": func(context.Context, *Stream) error { return errors.New("no such router") },
	})
	var calls []*Stream
	for i := range 3 {
		s, err := c.Call(t.Context(), "double", i)
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, s)
	}
	if err := c.Do(t.Context(), "fail", nil, nil); err == nil || err.Error() != "no such router" {
		t.Errorf("the handler's error came as %v", err)
	}
	for i, s := range slices.Backward(calls) {
		if err := errors.Join(s.Send(10+i), s.CloseSend()); err != nil {
			t.Fatal(err)
		}
		var first, second int
		if err := errors.Join(s.Receive(&first), s.Receive(&second)); err != nil || first != 2*i || second != 20+2*i {
			t.Errorf("call %d: got %d, %d, %v", i, first, second, err)
		}
		if err := s.Receive(nil); !errors.Is(err, io.EOF) {
			t.Errorf("call %d: ended with %v, wanted EOF", i, err)
		}
	}
	if _, err := c.Call(t.Context(), "nothing", nil); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("an unknown method: %v", err)
	}
}

// waits returns a handler that runs until the handler's context ends. Then the handler works a moment longer, as if
// restoring changes.
func waits(begun, undone chan struct{}) Handler {
	return func(ctx context.Context, s *Stream) error {
		close(begun)
		<-ctx.Done()
		time.Sleep(20 * time.Millisecond)
		close(undone)
		return nil
	}
}

func TestAbortEndsACall(t *testing.T) {
	begun, undone := make(chan struct{}), make(chan struct{})
	c, _ := serve(t, map[string]Handler{"wait": waits(begun, undone)})
	ctx, cancel := context.WithCancelCause(t.Context())
	s, err := c.Call(ctx, "wait", nil)
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	cause := errors.New("ctrl-c")
	cancel(cause)
	if err := s.Receive(nil); !errors.Is(err, cause) {
		t.Errorf("got %v, wanted the cause", err)
	}
	<-undone
	if err := c.hello(t.Context()); err != nil {
		t.Errorf("other calls: %v", err)
	}
}

func TestCallsFinishWhenTheirClientIsGone(t *testing.T) {
	begun, undone := make(chan struct{}), make(chan struct{})
	c, ended := serve(t, map[string]Handler{"wait": waits(begun, undone)})
	if _, err := c.Call(t.Context(), "wait", nil); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	select {
	case <-undone:
	default:
		t.Error("the agent ended before its call had put back what it changed")
	}
	if err := c.hello(t.Context()); err == nil {
		t.Error("a call to an agent that has ended got an answer")
	}
}

// slow is a connection with delayed bytes.
type slow struct {
	net.Conn
	by time.Duration
}

func (s slow) Write(p []byte) (int, error) {
	time.Sleep(s.by)
	return s.Conn.Write(p)
}

func TestClockOverASlowStream(t *testing.T) {
	const oneWay = 200 * time.Millisecond // far longer than the stalls of a busy machine
	near, far := net.Pipe()
	go func() { _ = Serve(slow{far, oneWay}, nil) }()
	c, err := NewClient(t.Context(), slow{near, oneWay})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.compare(t.Context()); err != nil {
		t.Fatal(err)
	}
	// One clock: the true difference is 0. Without the halved time, the difference would be one way's time.
	if off := time.Duration(c.offset); off.Abs() > oneWay*3/4 {
		t.Errorf("the clock of the same machine seems to be off by %s", off)
	}
}

func TestEffectiveCaps(t *testing.T) {
	if got := effectiveCaps("Name:\tx\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n"); got&neededCaps != neededCaps {
		t.Errorf("root's set is %x", got)
	}
	if got := effectiveCaps("CapEff:\t0000000000002000\n"); got != 1<<13 {
		t.Errorf("CAP_NET_RAW is %x", got)
	}
}

func TestProgramOfAnotherMachine(t *testing.T) {
	if _, err := identify("/proc/self/exe", "mips"); err == nil || !strings.Contains(err.Error(), EnvProgram) {
		t.Errorf("got %v", err)
	}
	a, err := identify("/proc/self/exe", runtime.GOARCH)
	if err != nil || len(a) != 12 {
		t.Errorf("got %q, %v", a, err)
	}
	// The program of another system takes the Linux build beside it.
	dir := t.TempDir()
	own := filepath.Join(dir, "skidpad.exe")
	beside := filepath.Join(dir, "skidpad-linux-"+runtime.GOARCH)
	if err := os.WriteFile(own, []byte("MZ"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, _, err := programBeside(own, runtime.GOARCH); err == nil || !strings.Contains(err.Error(), own+" is no program") {
		t.Errorf("without a Linux build: %v", err)
	}
	if err := os.Symlink("/proc/self/exe", beside); err != nil {
		t.Fatal(err)
	}
	if file, id, err := programBeside(own, runtime.GOARCH); err != nil || file != beside || id != a {
		t.Errorf("got %s, %s, %v", file, id, err)
	}
	if _, _, err := programBeside(own, "mips"); err == nil {
		t.Error("a program for no known machine was found")
	}
}

func TestDialFromTheAgent(t *testing.T) {
	c, _ := serve(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.Copy(conn, conn) // an echo, until the other end is closed
		_ = conn.Close()
	}()
	conn, err := c.Dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	sent := strings.Repeat("0123456789", 100_000)
	go func() { _, _ = io.WriteString(conn, sent) }()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != sent {
		t.Errorf("%d bytes came back changed, or not: %v", len(got), err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Dial(t.Context(), "tcp", "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a port without a listener: %v", err)
	}
}
