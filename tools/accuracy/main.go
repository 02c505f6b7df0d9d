// Command accuracy shows how true the prober's measures are on this machine: outages of known length are made between a
// client and an echo in network namespaces of their own, by nftables rules that drop between two times, and what the
// prober reports is compared with them. It also measures what four flows at 1 kHz cost.
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
	// accepted is by how much a reported outage may differ from the true one.
	accepted = 5 * time.Millisecond
	// share is how much of one processor four flows at 1 kHz may use.
	share = 1.0 / 3
	// between is how long packets pass before, between and after outages.
	between = 300 * time.Millisecond
)

// lengths are the outages of one run, one after the other.
func lengths() []time.Duration {
	return []time.Duration{20 * time.Millisecond, 50 * time.Millisecond, 250 * time.Millisecond, time.Second, 5 * time.Second}
}

func main() {
	runs := flag.Int("runs", 20, "how many outages of each length; a run takes 8 s")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := measure(ctx, *runs, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1) //nolint:gocritic // stop has nothing to do in a process that ends
	}
}

func measure(ctx context.Context, runs int, w io.Writer) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces are made: run it as root")
	}
	s, err := newScene(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	used, scheduler, err := s.cost(ctx)
	if err != nil {
		return err
	}
	t := newTable()
	for run := range runs {
		if err := s.run(ctx, t); err != nil {
			return fmt.Errorf("run %d: %w", run+1, err)
		}
	}
	if err := t.print(w); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nfour UDP flows at 1 kHz used %.1f%% of one processor (scheduler: %s)\n", 100*used, scheduler)
	if used > share {
		err = fmt.Errorf("four flows at 1 kHz used %.0f%% of a processor, wanted is a third at most", 100*used)
	}
	return errors.Join(err, t.verdict())
}
