package agent

import (
	"context"
	"errors"
	"io"
	"net"

	"skidpad.dev/skidpad/lab/docker"
)

const callDial = "dial"

// Dialer returns a function that dials from the engine's machine, through the lab's agent. For an engine on this machine
// the result is nil: any dialer reaches the same addresses.
func Dialer(e *docker.Engine, lab string) func(ctx context.Context, network, address string) (net.Conn, error) {
	if e.Local() {
		return nil
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := Of(ctx, e, lab)
		if err != nil {
			return nil, err
		}
		return c.Dial(ctx, network, address)
	}
}

type dialOrder struct {
	Network string `json:"network"`
	Address string `json:"address"`
}

// Dial connects to an address as seen from the agent.
func (c *Client) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	s, err := c.Call(context.WithoutCancel(ctx), callDial, dialOrder{network, address})
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { s.Abort(context.Cause(ctx)) })()
	if err := s.Receive(nil); err != nil {
		s.Abort(err)
		return nil, err
	}
	return &tunnel{stream: s}, nil
}

// serveDial is the agent's end of Dial.
func serveDial(ctx context.Context, s *Stream) error {
	var o dialOrder
	if err := s.Receive(&o); err != nil {
		return err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, o.Network, o.Address)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()
	t := &tunnel{stream: s}
	if err := s.Send([]byte{}); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(conn, t)
		if half, ok := conn.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
	}()
	_, err = io.Copy(t, conn)
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return err
}

// tunnel is a call as a connection.
type tunnel struct {
	stream *Stream
	left   []byte // received, but not yet read
	execAddr
}

func (t *tunnel) Read(p []byte) (int, error) {
	for len(t.left) == 0 {
		if err := t.stream.Receive(&t.left); err != nil {
			return 0, err
		}
	}
	n := copy(p, t.left)
	t.left = t.left[n:]
	return n, nil
}

func (t *tunnel) Write(p []byte) (int, error) {
	if err := t.stream.Send(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close ends both directions.
func (t *tunnel) Close() error {
	t.stream.Abort(net.ErrClosed)
	return nil
}
