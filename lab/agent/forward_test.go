package agent

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
)

func TestForward(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dials := 0
	address, err := Forward(ctx, func(context.Context) (net.Conn, error) {
		if dials++; dials == 1 {
			return nil, errors.New("no agent")
		}
		near, far := net.Pipe()
		go func() { _, _ = io.Copy(far, far) }()
		return near, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	connect := func() net.Conn {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if _, err := connect().Read(make([]byte, 1)); err == nil {
		t.Error("a client without a server got data, wanted the end of the connection")
	}
	c, got := connect(), make([]byte, 2)
	if _, err := c.Write([]byte("hi")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hi" {
		t.Errorf("seen %q, %v", got, err)
	}
	cancel()
	if _, err := c.Read(got); err == nil {
		t.Error("the connection outlives its context")
	}
	if c, err := net.Dial("tcp", address); err == nil {
		if _, err := c.Read(got); err == nil {
			t.Error("the port outlives its context")
		}
	}
}
