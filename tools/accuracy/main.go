// Command accuracy measures the prober's accuracy on this machine: nftables rules make outages of known length between
// a client and an echo server in network namespaces of their own, and accuracy compares the prober's report with the
// known lengths. Command accuracy also measures the processor time of four flows at 1 kHz.
//
// With -lab, the client and the server are those of a running lab of frr-bfd, and the engine starts the prober, so the report
// shows the effect of a slow line to the engine. The outages are made directly: the engine's kernel must be this machine's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

const (
	// accepted is the tolerance between a reported outage and the true outage.
	accepted = 5 * time.Millisecond
	// share is the accepted share of a processor for four flows at 1 kHz.
	share = 1.0 / 3
	// between is the time before, between and after outages.
	between = 300 * time.Millisecond
)

// lengths are the outages of one run, in order.
func lengths() []time.Duration {
	return []time.Duration{20 * time.Millisecond, 50 * time.Millisecond, 250 * time.Millisecond, time.Second, 5 * time.Second}
}

func main() {
	runs := flag.Int("runs", 20, "how many outages of each length; a run takes 8 s")
	lab := flag.String("lab", "", "measure in a running lab of frr-bfd, over the line to the engine")
	proc := flag.String("proc", "/proc", "the folder /proc of the engine of -lab, as this machine sees the folder")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	made := newScene
	if *lab != "" {
		made = func(ctx context.Context) (*scene, error) { return inLab(ctx, *lab, *proc) }
	}
	if err := measure(ctx, made, *runs, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1) //nolint:gocritic // stop has nothing to do in a process that ends
	}
}

func measure(ctx context.Context, made func(context.Context) (*scene, error), runs int, w io.Writer) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root: run this command as root")
	}
	s, err := made(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	t := newTable()
	for run := range runs {
		if err := s.run(ctx, t); err != nil {
			return fmt.Errorf("run %d: %w", run+1, err)
		}
	}
	if err := t.print(w); err != nil {
		return err
	}
	if s.echo != nil { // the prober runs here
		err = s.judgeCost(ctx, w)
	}
	return errors.Join(err, t.verdict())
}

func (s *scene) judgeCost(ctx context.Context, w io.Writer) error {
	used, scheduler, err := s.cost(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nfour UDP flows at 1 kHz used %.1f%% of one processor (scheduler: %s)\n", 100*used, scheduler)
	if used > share {
		err = fmt.Errorf("four flows at 1 kHz used %.0f%% of a processor, want at most a third", 100*used)
	}
	return err
}
