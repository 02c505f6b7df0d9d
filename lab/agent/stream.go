package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Stream is one call: messages in JSON both ways. One goroutine may receive while others send.
type Stream struct {
	dec       *json.Decoder
	mu        sync.Mutex // guards enc
	enc       *json.Encoder
	flush     func() error
	closeSend func() error
	abort     context.CancelCauseFunc
}

// Handler does the work of a call in the agent. ctx ends when the client is gone or aborts the call. The returned error is
// the end of the client's stream.
type Handler func(ctx context.Context, s *Stream) error

// envelope is a line of a stream: a message, or the end.
type envelope struct {
	Message json.RawMessage `json:"m,omitempty"`
	End     bool            `json:"end,omitempty"`
	Error   string          `json:"error,omitempty"`
}

// Send sends a message.
func (s *Stream) Send(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("lab bug: a message for the agent: %w", err)
	}
	return s.send(envelope{Message: data})
}

func (s *Stream) send(e envelope) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enc.Encode(e); err != nil {
		return fmt.Errorf("the agent's stream: %w", err)
	}
	return s.flush()
}

// Receive reads the next message into v, which may be nil. At the other end's regular end, the error is io.EOF. If the
// other end failed, the error has the text of the failure.
func (s *Stream) Receive(v any) error {
	var e envelope
	if err := s.dec.Decode(&e); errors.Is(err, io.EOF) {
		return io.EOF
	} else if err != nil {
		return fmt.Errorf("the agent's stream broke: %w", err)
	}
	switch {
	case e.Error != "":
		return errors.New(e.Error)
	case e.End:
		return io.EOF
	case v == nil:
		return nil
	}
	if err := json.Unmarshal(e.Message, v); err != nil {
		return fmt.Errorf("lab bug: a message of the agent: %w", err)
	}
	return nil
}

// CloseSend ends the messages to the other end. A handler takes this end as the order to finish.
func (s *Stream) CloseSend() error { return s.closeSend() }

// Abort ends the call at once; a Receive in progress returns the cause.
func (s *Stream) Abort(cause error) { s.abort(cause) }

// Drain receives until the end of the stream, and returns the other end's error.
func (s *Stream) Drain() error {
	for {
		if err := s.Receive(nil); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// WhileOpen returns a context that ends with ctx, or when the client stops sending. WhileOpen is for handlers that get
// nothing after the request.
func (s *Stream) WhileOpen(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_ = s.Receive(nil)
		cancel()
	}()
	return ctx, cancel
}
