package lifecycle_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// steps is a proxy in front of an engine. The proxy counts the pieces that its clients send: requests, and messages on the
// streams of executions. A command takes the same steps on a slow machine as on a fast machine, so a kill at a step hits the
// same work.
type steps struct {
	backend func() string // the engine's socket
	from    func() bool   // if set, a count begins with the first piece at which from is true

	mu    sync.Mutex
	begun bool
	n     int    // pieces so far
	at    int    // the piece with the kill; 0 for none
	after bool   // kill after the piece was sent to the engine, not before
	kill  func() // called once
	where string // the request or message of the kill
}

// count begins a new count. At piece number at, kill is called.
func (s *steps) count(at int, after bool, kill func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun, s.n, s.at, s.after, s.kill, s.where = s.from == nil, 0, at, after, kill, ""
}

// seen returns the number of pieces, and the piece of the kill: "" if the kill has not come.
func (s *steps) seen() (int, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n, s.where
}

// strike starts a command and does harm at a step. The results are the number of steps, and the step of the harm: "" if the
// command took fewer steps.
func (s *steps) strike(cmd *exec.Cmd, at int, after bool, harm func(*exec.Cmd)) (int, string) {
	GinkgoHelper()
	started := make(chan struct{})
	s.count(at, after, func() {
		<-started
		harm(cmd)
	})
	cmd.Stderr = GinkgoWriter
	err := cmd.Start()
	close(started)
	Expect(err).NotTo(HaveOccurred())
	err = cmd.Wait()
	var died *exec.ExitError
	Expect(err == nil || errors.As(err, &died)).To(BeTrue(), "%v", err)
	defer s.count(0, false, nil) // later commands are not harmed
	return s.seen()
}

// proxy starts the proxy on a socket that every user may use.
func proxy(socket string, backend func() string) *steps {
	GinkgoHelper()
	s := &steps{backend: backend}
	l, err := net.Listen("unix", socket)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(l.Close)
	Expect(os.Chmod(socket, 0o666)).To(Succeed())
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", s.backend())
			if err != nil { // the engine is away
				_ = in.Close()
				continue
			}
			go s.carry(out, in, s.pass)
			go s.carry(in, out, func(to net.Conn, piece []byte) error {
				_, err := to.Write(piece)
				return err
			})
		}
	}()
	return s
}

// carry passes pieces on, and then the end.
func (s *steps) carry(to, from net.Conn, pass func(net.Conn, []byte) error) {
	data := make([]byte, 32<<10)
	for {
		n, err := from.Read(data)
		if n > 0 && pass(to, data[:n]) != nil || err != nil {
			break
		}
	}
	if half, ok := to.(*net.UnixConn); ok {
		_ = half.CloseWrite() // the other direction may go on
	}
}

// pass counts a piece and sends the piece to the engine. At the kill, all clients wait.
func (s *steps) pass(engine net.Conn, piece []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun = s.begun || s.from == nil || s.from(); s.begun {
		s.n++
	}
	hit := s.n > 0 && s.n == s.at
	if hit {
		line, _, http := bytes.Cut(piece, []byte(" HTTP/1.1\r\n"))
		if s.where = fmt.Sprintf("a message of %d bytes", len(piece)); http && len(line) < 300 {
			s.where = strings.TrimSpace(string(line))
		}
		if !s.after {
			s.kill()
			return net.ErrClosed
		}
	}
	_, err := engine.Write(piece)
	if hit {
		s.kill()
	}
	return err
}
