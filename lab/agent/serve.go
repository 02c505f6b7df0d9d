package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"skidpad.dev/skidpad/lab/timeline"
)

// finishWithin limits the time for calls to restore their changes after the end of the client.
const finishWithin = 2 * time.Minute

// Duties is the work of an agent.
type Duties struct {
	Handlers map[string]Handler // by the names of calls
	// End restores everything that no call restores, after the end of the client; nil: nothing.
	End func(context.Context) error
}

// Main does nothing, unless this process was started as the agent of a lab. Then Main serves the calls of one client
// until the client is gone and all calls have finished, and ends the process.
//
// An init function calls Main, so every program with this function can be the program's own agent. Test binaries of
// suites can be agents, too.
func Main(duties func(ctx context.Context, lab string) (Duties, error)) {
	lab := os.Getenv(envLab)
	if lab == "" {
		return
	}
	_ = os.Unsetenv(envLab) // programs started by this program are no agents
	if err := run(lab, duties); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(lab string, duties func(context.Context, string) (Duties, error)) error {
	out := os.Stdout
	os.Stdout = os.Stderr // other output must not mix with the messages
	signal.Ignore(os.Interrupt, syscall.SIGPIPE)
	d, err := duties(context.Background(), lab)
	if err != nil {
		return err
	}
	err = Serve(&stdio{in: os.Stdin, out: out}, d.Handlers)
	if d.End != nil {
		ctx, cancel := context.WithTimeout(context.Background(), finishWithin)
		defer cancel()
		err = errors.Join(err, d.End(ctx))
	}
	return err
}

// callHello asks for the agent's monotonic clock.
const callHello = "hello"

// Serve serves the calls of one client until the connection ends and all calls have finished.
func Serve(conn net.Conn, handlers map[string]Handler) error {
	watched := &watchedConn{Conn: conn, end: make(chan struct{})}
	var calls sync.WaitGroup
	mux := http.NewServeMux()
	all := map[string]Handler{callDial: serveDial, callHello: func(_ context.Context, s *Stream) error { return s.Send(timeline.Now()) }}
	maps.Copy(all, handlers)
	for name, h := range all {
		mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			defer calls.Done()
			serveCall(w, r, h)
		})
	}
	server := &http.Server{Handler: mux, Protocols: protocols(), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: 0} //nolint:gosec // the client is this program
	go func() { _ = server.Serve(&once{Conn: watched, end: watched.end}) }()
	<-watched.end
	_ = server.Close() // ends the calls' contexts
	finished := make(chan struct{})
	go func() {
		calls.Wait()
		close(finished)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), finishWithin)
	defer cancel()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("agent: calls have not finished %s after their client had gone", finishWithin)
	}
}

// serveCall runs a handler, and sends the handler's end.
func serveCall(w http.ResponseWriter, r *http.Request, h Handler) {
	flush := http.NewResponseController(w).Flush
	_ = flush()
	s := &Stream{dec: json.NewDecoder(r.Body), enc: json.NewEncoder(w), flush: flush, closeSend: func() error { return nil }, abort: func(error) {}}
	end := envelope{End: true}
	if err := h(r.Context(), s); err != nil {
		end.Error = err.Error()
	}
	_ = s.send(end) // the client may be gone
}

// watchedConn reports the end of the connection.
type watchedConn struct {
	net.Conn
	once sync.Once
	end  chan struct{}
}

func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.once.Do(func() { close(c.end) })
	}
	return n, err
}

func (c *watchedConn) Close() error {
	c.once.Do(func() { close(c.end) })
	return c.Conn.Close()
}

// stdio is a process's standard input and output as a connection.
type stdio struct {
	in, out *os.File
	execAddr
}

func (s *stdio) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s *stdio) Write(p []byte) (int, error) { return s.out.Write(p) }
func (s *stdio) Close() error                { return s.in.Close() }

// execAddr provides the addresses and the deadlines of a connection for a stream without a network.
type execAddr struct{}

func (execAddr) LocalAddr() net.Addr              { return pipeAddr{} }
func (execAddr) RemoteAddr() net.Addr             { return pipeAddr{} }
func (execAddr) SetDeadline(time.Time) error      { return nil }
func (execAddr) SetReadDeadline(time.Time) error  { return nil }
func (execAddr) SetWriteDeadline(time.Time) error { return nil }
