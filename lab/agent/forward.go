package agent

import (
	"context"
	"io"
	"net"
	"sync"
)

// Forward listens on a port of this machine's loopback and connects each client by dial. Forward returns the port's
// address at once; the end of ctx closes the port and all connections.
func Forward(ctx context.Context, dial func(context.Context) (net.Conn, error)) (address string, err error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go join(ctx, client, dial)
		}
	}()
	return l.Addr().String(), nil
}

// join copies both directions between a client and a new connection. The end of one direction ends both.
func join(ctx context.Context, client net.Conn, dial func(context.Context) (net.Conn, error)) {
	server, err := dial(ctx)
	if err != nil {
		_ = client.Close() // the client reports a closed connection
		return
	}
	end := sync.OnceFunc(func() { _, _ = client.Close(), server.Close() })
	defer context.AfterFunc(ctx, end)()
	go func() {
		defer end()
		_, _ = io.Copy(server, client)
	}()
	defer end()
	_, _ = io.Copy(client, server)
}
