package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// finishWithin limits the time in which calls put back what they changed, after their client has gone.
const finishWithin = 2 * time.Minute

// Main does nothing, unless this process was started as the agent of a lab. Then Main serves the calls of one client by
// the handlers that serve returns, until the client is gone and all calls have finished, and ends the process.
//
// An init function calls Main, so that every program that links the function can be its own agent; test binaries of
// suites, too.
func Main(serve func(ctx context.Context, lab string) (map[string]Handler, error)) {
	lab := os.Getenv(envLab)
	if lab == "" {
		return
	}
	_ = os.Unsetenv(envLab) // the programs that this one starts are no agents
	if err := run(lab, serve); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(lab string, serve func(context.Context, string) (map[string]Handler, error)) error {
	out := os.Stdout
	os.Stdout = os.Stderr // what else is printed must not come between the messages
	handlers, err := serve(context.Background(), lab)
	if err != nil {
		return err
	}
	return Serve(&stdio{in: os.Stdin, out: out}, handlers)
}

// Serve serves the calls of one client until the connection ends and all calls have finished.
func Serve(conn net.Conn, handlers map[string]Handler) error {
	watched := &watchedConn{Conn: conn, end: make(chan struct{})}
	var calls sync.WaitGroup
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hello", func(w http.ResponseWriter, _ *http.Request) { serveCall(w, nil, nil) })
	for name, h := range handlers {
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
	select {
	case <-finished:
		return nil
	case <-time.After(finishWithin):
		return fmt.Errorf("agent: calls have not finished %s after their client had gone", finishWithin)
	}
}

// serveCall runs a handler, and sends its end.
func serveCall(w http.ResponseWriter, r *http.Request, h Handler) {
	flush := http.NewResponseController(w).Flush
	_ = flush()
	s := &Stream{enc: json.NewEncoder(w), flush: flush, closeSend: func() error { return nil }, abort: func(error) {}}
	end := envelope{End: true}
	if h != nil {
		s.dec = json.NewDecoder(r.Body)
		if err := h(r.Context(), s); err != nil {
			end.Error = err.Error()
		}
	}
	_ = s.send(end) // the client may be gone
}

// watchedConn tells when the connection has ended.
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

// execAddr are the parts of a connection that a stream without a network has not.
type execAddr struct{}

func (execAddr) LocalAddr() net.Addr              { return pipeAddr{} }
func (execAddr) RemoteAddr() net.Addr             { return pipeAddr{} }
func (execAddr) SetDeadline(time.Time) error      { return nil }
func (execAddr) SetReadDeadline(time.Time) error  { return nil }
func (execAddr) SetWriteDeadline(time.Time) error { return nil }
