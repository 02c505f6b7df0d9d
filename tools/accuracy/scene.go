package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	vns "github.com/vishvananda/netns"

	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/timeline"
)

// target is the address of the echo server.
const target = "198.18.0.2:8080"

// scene is a prober and an echo server: in namespaces of their own on one veth pair, or in a lab (lab.go).
type scene struct {
	// begin starts a flow and returns when the prober sends. end waits for the flow's end.
	begin          func(ctx context.Context, span time.Duration) (end func() (*record.Recording, error), err error)
	dir            string // of the programs
	client, server string // namespaces of this command
	echo           *exec.Cmd
	ns             vns.NsHandle // the server's
	conn           *nftables.Conn
	table          *nftables.Table
	chain          *nftables.Chain
}

func command(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", args, err, bytes.TrimSpace(out))
	}
	return nil
}

func newScene(ctx context.Context) (_ *scene, err error) {
	s := &scene{client: fmt.Sprintf("skidpad-accuracy-c%d", os.Getpid()), server: fmt.Sprintf("skidpad-accuracy-s%d", os.Getpid()), ns: vns.None()}
	s.begin = s.beginHere
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "skidpad-accuracy-"); err != nil {
		return s, err
	}
	steps := [][]string{
		{"env", "CGO_ENABLED=0", "go", "build", "-o", s.dir + "/", "./fixtures/echo", "./fixtures/probe"},
		{"ip", "netns", "add", s.client},
		{"ip", "netns", "add", s.server},
		{"ip", "link", "add", "eth0", "netns", s.client, "type", "veth", "peer", "name", "eth0", "netns", s.server},
	}
	for i, ns := range []string{s.client, s.server} {
		steps = append(steps,
			[]string{"ip", "-n", ns, "addr", "add", fmt.Sprintf("198.18.0.%d/30", i+1), "dev", "eth0"},
			[]string{"ip", "-n", ns, "link", "set", "lo", "up"},
			[]string{"ip", "-n", ns, "link", "set", "eth0", "up"})
	}
	for _, step := range steps {
		if err = command(ctx, step...); err != nil {
			return s, err
		}
	}
	if s.ns, err = vns.GetFromName(s.server); err != nil {
		return s, err
	}
	if err = s.chainIn(); err != nil {
		return s, err
	}
	s.echo = exec.CommandContext(ctx, "ip", "netns", "exec", s.server, filepath.Join(s.dir, "echo"))
	if err = s.echo.Start(); err != nil {
		return s, err
	}
	return s, s.answered(ctx)
}

// chainIn makes an empty chain for all packets to the echo server.
func (s *scene) chainIn() error {
	var err error
	if s.conn, err = nftables.New(nftables.WithNetNSFd(int(s.ns))); err != nil {
		return err
	}
	table := s.conn.AddTable(&nftables.Table{Name: "accuracy", Family: nftables.TableFamilyINet})
	s.chain = s.conn.AddChain(&nftables.Chain{Name: "in", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
	err = s.conn.Flush()
	if err == nil {
		s.table = table
	}
	return err
}

// answered waits until the echo server answers.
func (s *scene) answered(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		out, err := s.prober(ctx, "once", "--proto", "udp", "--timeout", "200ms", target).Output()
		if err == nil && bytes.Contains(out, []byte(`"answer"`)) {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the echo does not answer: %w; the prober wrote %s", err, out)
		}
	}
}

func (s *scene) prober(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", slices.Concat([]string{"netns", "exec", s.client, filepath.Join(s.dir, "probe")}, args)...)
}

// close removes everything of the scene.
func (s *scene) close() error {
	if s.echo != nil && s.echo.Process != nil {
		_ = s.echo.Process.Kill() // may have ended
		_ = s.echo.Wait()
	}
	var errs []error
	if s.table != nil {
		s.conn.DelTable(s.table)
		errs = append(errs, s.conn.Flush())
	}
	if s.ns.IsOpen() {
		errs = append(errs, s.ns.Close())
	}
	for _, ns := range []string{s.client, s.server} {
		if ns == "" {
			continue
		}
		if _, err := os.Stat("/run/netns/" + ns); err == nil {
			errs = append(errs, command(context.Background(), "ip", "netns", "del", ns))
		}
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// cost returns the share of one processor used by four flows at 1 kHz, by the kernel's account of the prober.
func (s *scene) cost(ctx context.Context) (used float64, scheduler string, err error) {
	cmd := s.prober(ctx, "run", "--proto", "udp", "--rate", "1000", "--for", "10s", target, target, target, target)
	out, err := cmd.Output()
	if err != nil {
		return 0, "", fmt.Errorf("four flows: %w", err)
	}
	rec, err := record.Read(bytes.NewReader(out))
	if err != nil {
		return 0, "", err
	}
	state := cmd.ProcessState
	return (state.UserTime() + state.SystemTime()).Seconds() / 10, rec.Start.Scheduler, nil
}

// truth is the time of a drop: CLOCK_MONOTONIC in nanoseconds.
type truth struct{ from, until int64 }

// run makes one outage of each length while the prober sends, and compares.
func (s *scene) run(ctx context.Context, t *table) error {
	span := between
	for _, length := range lengths() {
		span += length + between
	}
	end, err := s.begin(ctx, span)
	if err != nil {
		return err
	}
	is, err := s.drop()
	rec, endErr := end()
	if err := errors.Join(err, endErr); err != nil {
		return err
	}
	t.add(loss.OfRecording(rec, loss.Options{})[0], rec.Attempts, is)
	return nil
}

// beginHere begins a flow in the scene's own namespace.
func (s *scene) beginHere(ctx context.Context, span time.Duration) (func() (*record.Recording, error), error) {
	cmd := s.prober(ctx, "run", "--proto", "udp", "--rate", "1000", "--for", span.String(), target)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	in := bufio.NewReader(stdout)
	first, readErr := in.ReadBytes('\n') // the prober sends from now on
	return func() (*record.Recording, error) {
		rest, restErr := io.ReadAll(in)
		if err := errors.Join(readErr, restErr, cmd.Wait()); err != nil {
			return nil, err
		}
		return record.Read(bytes.NewReader(append(first, rest...)))
	}, nil
}

// drop makes a rule for each length; the rule drops all packets between two times in the future. The kernel compares
// each packet's time itself, so the truth is exact. Adding and removing a rule takes some milliseconds on a busy
// machine.
func (s *scene) drop() ([]truth, error) {
	s.conn.FlushChain(s.chain)
	mono, wall := timeline.Stamp()
	var all []truth
	for at := between; len(all) < len(lengths()); {
		// A whole number of milliseconds would hide the coarse grid of 1 kHz.
		length := lengths()[len(all)] + rand.N(time.Millisecond)
		exprs := append(atTime(expr.CmpOpGte, wall.Add(at)), atTime(expr.CmpOpLt, wall.Add(at+length))...)
		s.conn.AddRule(&nftables.Rule{Table: s.table, Chain: s.chain, Exprs: append(exprs, &expr.Verdict{Kind: expr.VerdictDrop})})
		all = append(all, truth{mono + int64(at), mono + int64(at+length)})
		at += length + between
	}
	if err := s.conn.Flush(); err != nil {
		return nil, fmt.Errorf("nftables: rules with times (Linux 5.4 and later): %w", err)
	}
	if took := time.Duration(timeline.Now() - mono); took > between {
		return nil, fmt.Errorf("making the rules took %s, longer than the first rule's delay", took)
	}
	return all, nil
}

// metaTime is NFT_META_TIME_NS of linux/netfilter/nf_tables.h: the time of the day in nanoseconds, in the host's order.
const metaTime = expr.MetaKey(30)

// atTime continues the rule if the comparison of the packet's time holds.
func atTime(op expr.CmpOp, at time.Time) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: metaTime, Register: 1},
		&expr.Byteorder{SourceRegister: 1, DestRegister: 1, Op: expr.ByteorderHton, Len: 8, Size: 8},
		&expr.Cmp{Op: op, Register: 1, Data: binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano()))},
	}
}
