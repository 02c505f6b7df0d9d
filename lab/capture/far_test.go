package capture

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"skidpad.dev/skidpad/lab/agent"
)

// distant returns a client of an agent with this one call.
func distant(t *testing.T, method string, h agent.Handler) *agent.Client {
	t.Helper()
	near, far := net.Pipe()
	go func() {
		_ = agent.Serve(far, map[string]agent.Handler{method: func(ctx context.Context, s *agent.Stream) error {
			var o order
			return errors.Join(s.Receive(&o), h(ctx, s))
		}})
	}()
	c, err := agent.NewClient(t.Context(), near)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestPacketsThatAnAgentHolds(t *testing.T) {
	source := filepath.Join(t.TempDir(), "fabric.pcapng")
	content := bytes.Repeat([]byte("packets "), 20_000)
	if err := os.WriteFile(source, content, 0o600); err != nil {
		t.Fatal(err)
	}
	var reason string
	c := distant(t, callHold, func(_ context.Context, s *agent.Stream) error {
		var k keepOrder
		if err := errors.Join(s.Send(parcel{}), s.Receive(&k)); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		reason = k.Reason
		return errors.Join(sendFile(s, source), errors.New("12 packets were missed"))
	})
	h, err := startFar(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "captures")
	files, err := h.keep(dir, "failover failed")
	if err == nil || !slices.Equal(files, []string{filepath.Join(dir, "fabric.pcapng")}) || reason != "failover failed" {
		t.Errorf("files %q, reason %q, error %v", files, reason, err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "fabric.pcapng")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the file has %d bytes, wanted %d (%v)", len(got), len(content), err)
	}
	h, err = startFar(t.Context(), c, Options{})
	if err := errors.Join(err, h.discard()); err != nil {
		t.Errorf("discarded: %v", err)
	}
}

func TestARecordingByAnAgent(t *testing.T) {
	c := distant(t, callRecord, func(ctx context.Context, s *agent.Stream) error {
		open, cancel := s.WhileOpen(ctx)
		defer cancel()
		_, _ = sender{s}.Write([]byte("head "))
		_ = s.Send(parcel{})
		<-open.Done()
		_, _ = sender{s}.Write([]byte("tail"))
		return s.Send(parcel{Counted: []Counted{{Source: "fabric", Packets: 3}}})
	})
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	counted, err := recordFar(ctx, c, order{}, &out, cancel) // ends as soon as it is ready
	if err != nil || len(counted) != 1 || counted[0].Packets != 3 || out.String() != "head tail" {
		t.Errorf("counted %v, wrote %q, error %v", counted, out.String(), err)
	}
}

func TestListeningByAnAgent(t *testing.T) {
	frames := make(chan []byte, 10)
	c := distant(t, callListen, func(_ context.Context, s *agent.Stream) error {
		frames <- []byte("one")
		frames <- []byte("two")
		go func() {
			_ = s.Receive(nil) // the client has done what it wanted
			frames <- []byte("three")
			close(frames)
		}()
		return sendFrames(s, frames)
	})
	var seen []string
	failed := errors.New("what was done failed")
	err := listenFar(t.Context(), c, order{}, func(f []byte) { seen = append(seen, string(f)) }, func() error { return failed })
	if !errors.Is(err, failed) || !slices.Equal(seen, []string{"one", "two", "three"}) {
		t.Errorf("saw %q, error %v", seen, err)
	}
}
