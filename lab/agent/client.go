package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
	"time"

	"skidpad.dev/skidpad/lab/timeline"
)

// Client makes calls to one agent. Several goroutines may call the methods.
type Client struct {
	conn net.Conn
	http *http.ClientConn
	// offset is the agent's monotonic clock minus this machine's, in nanoseconds; 0 on one machine.
	offset int64
}

// NewClient returns a client over a connection. The client closes the connection.
func NewClient(ctx context.Context, conn net.Conn) (*Client, error) {
	t := &http.Transport{Protocols: protocols(), DisableCompression: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}
	made, err := t.NewClientConn(ctx, "http", "agent:80")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("agent: %w", err), conn.Close())
	}
	return &Client{conn: conn, http: made}, nil
}

// protocols returns HTTP/2 without TLS: calls share a connection, each call with separate flow control and cancellation.
func protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// Close ends the agent. The agent then restores the changes of all calls.
func (c *Client) Close() error { return c.conn.Close() }

// Gone reports whether the agent has ended.
func (c *Client) Gone() bool { return c.http.Err() != nil }

// Call begins a call, and sends the request as the first message. When ctx ends, the call is aborted.
func (c *Client) Call(ctx context.Context, method string, request any) (*Stream, error) {
	ctx, abort := context.WithCancelCause(ctx)
	body, input := io.Pipe()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://agent/"+method, body)
	if err != nil {
		abort(err)
		return nil, fmt.Errorf("lab bug: call of %s: %w", method, err)
	}
	s := &Stream{enc: json.NewEncoder(input), flush: func() error { return nil }, closeSend: input.Close, abort: abort}
	// The transport ignores ctx while the request goes on; an error of the request's body ends both directions.
	context.AfterFunc(ctx, func() { _ = body.CloseWithError(context.Cause(ctx)) })
	first, err := json.Marshal(request)
	if err != nil {
		abort(err)
		return nil, fmt.Errorf("lab bug: call of %s: %w", method, err)
	}
	// A handler may end without reading the request. Receive returns the reason, so this code ignores the error.
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_ = s.send(envelope{Message: first})
	}()
	res, err := c.http.RoundTrip(req) //nolint:bodyclose // the end of ctx ends the body, and Receive reads to the end
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("the agent answers %s", res.Status)
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		abort(err)
		return nil, fmt.Errorf("agent: %s: %w", method, err)
	}
	select {
	case <-sent: // later messages come after the first
	case <-ctx.Done():
	}
	s.dec = json.NewDecoder(&answer{res.Body, ctx})
	return s, nil
}

// endWithin limits the time between the order to finish and the end of a call.
const endWithin = 30 * time.Second

// CallUntil is Call with another meaning of ctx: the end of ctx only asks the handler to finish. Messages sent by the
// handler meanwhile still arrive.
func (c *Client) CallUntil(ctx context.Context, method string, request any) (*Stream, error) {
	s, err := c.Call(context.WithoutCancel(ctx), method, request)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, s.Finish)
	return s, nil
}

// Finish asks the handler to finish. After 30 s, an unfinished handler is cut off.
func (s *Stream) Finish() {
	_ = s.CloseSend()
	time.AfterFunc(endWithin, func() { s.Abort(fmt.Errorf("the agent did not finish within %s", endWithin)) })
}

// answer reads the body of a response. After the end of ctx, the error is the cause.
type answer struct {
	io.Reader
	ctx context.Context //nolint:containedctx // it is the call's
}

func (a *answer) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if cause := context.Cause(a.ctx); err != nil && cause != nil {
		err = cause
	}
	return n, err
}

// Do makes a call with a single request and a single answer; answer may be nil.
func (c *Client) Do(ctx context.Context, method string, request, answer any) error {
	s, err := c.Call(ctx, method, request)
	if err != nil {
		return err
	}
	defer s.Abort(nil)
	if err := s.Receive(answer); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return s.Drain()
}

// hello returns when the agent answers.
func (c *Client) hello(ctx context.Context) error { return c.Do(ctx, callHello, nil, nil) }

// looks is the number of readings of the agent's clock. The reading with the shortest way counts.
const looks = 3

// compare finds the difference between the agent's monotonic clock and this machine's. The difference is wrong by at most
// half the time of the shortest call, and right if both directions take the same time.
func (c *Client) compare(ctx context.Context) error {
	shortest := int64(math.MaxInt64)
	for range looks {
		var there int64
		began := timeline.Now()
		if err := c.Do(ctx, callHello, nil, &there); err != nil {
			return err
		}
		ended := timeline.Now()
		if took := ended - began; took < shortest {
			shortest, c.offset = took, there-began-took/2
		}
	}
	return nil
}

// once is a listener with a single connection.
type once struct {
	net.Conn
	given sync.Once
	end   chan struct{}
}

func (o *once) Accept() (net.Conn, error) {
	var conn net.Conn
	o.given.Do(func() { conn = o.Conn })
	if conn != nil {
		return conn, nil
	}
	<-o.end
	return nil, net.ErrClosed
}

func (o *once) Close() error   { return nil }
func (o *once) Addr() net.Addr { return pipeAddr{} }
