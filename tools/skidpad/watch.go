package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/timeline"
	"skidpad.dev/skidpad/lab/watch"
)

// stopWithin bounds the time to remove the watch from all routers.
const stopWithin = 10 * time.Second

// watchOptions are the flags of watch.
type watchOptions struct {
	output string
	lanes  []string
	length time.Duration
	filter timeline.Filter
}

func watchCmd() *cobra.Command {
	var o watchOptions
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Print the events of a lab live: routes, sessions, addresses, leases, pods, ARP",
		Long: "Prints an event a line until Ctrl-C, or for the time of --for. Times are seconds since the watch began; -o json writes\n" +
			"JSON lines with the host's monotonic clock in nanoseconds, the clock of all recordings of the lab.",
		Example: "  skidpad watch\n  skidpad watch --lane bgp,fib,vrrp --for 10s\n  skidpad watch -o json >events.jsonl",
		Args:    args(cobra.NoArgs),
	}
	name := nameFlag(cmd)
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "output format: text or json")
	cmd.Flags().StringSliceVar(&o.lanes, "lane", nil, fmt.Sprintf("only these lanes, of %v", timeline.Lanes()))
	cmd.Flags().DurationVar(&o.length, "for", 0, "length of the watch (default: until Ctrl-C)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := o.check(); err != nil {
			return err
		}
		l, err := lab.Open(cmd.Context(), *name)
		if err != nil {
			return err
		}
		return runWatch(cmd, l, o)
	}
	return cmd
}

// check reads the flags; every mistake is a usage error.
func (o *watchOptions) check() error {
	if o.output != "text" && o.output != "json" {
		return usage("-o: want text or json, got %q", o.output)
	}
	if o.length < 0 {
		return usage("--for: want a time above zero, got %s", o.length)
	}
	for _, name := range o.lanes {
		lane, err := timeline.ParseLane(name)
		if err != nil {
			return usage("--lane: %w", err)
		}
		o.filter.Lanes = append(o.filter.Lanes, lane)
	}
	return nil
}

func runWatch(cmd *cobra.Command, l *lab.Lab, o watchOptions) error {
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	zero, began := timeline.Stamp()
	out := &eventPrinter{w: cmd.OutOrStdout(), options: o, zero: zero, failed: cancel}
	watching, err := watch.On(ctx, l, out)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "watching lab %s since %s; end with Ctrl-C\n", l.Plan.Lab, began.Format("15:04:05.000"))
	lasts := ctx
	if o.length > 0 {
		var end context.CancelFunc
		lasts, end = context.WithTimeout(ctx, o.length)
		defer end()
	}
	<-lasts.Done()
	stopping, done := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer done()
	if err := watching.Stop(stopping); err != nil {
		return err
	}
	return out.error()
}

// eventPrinter prints events live.
type eventPrinter struct {
	w       io.Writer
	options watchOptions
	zero    int64
	failed  func() // ends the watch when the output has no reader

	mu  sync.Mutex
	err error
}

// Add prints an event, unless its lane is left out.
func (p *eventPrinter) Add(e timeline.Event) {
	if !p.options.filter.Match(e) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return
	}
	if p.options.output == "json" {
		p.err = json.NewEncoder(p.w).Encode(e)
	} else {
		_, p.err = fmt.Fprintln(p.w, e.Line(p.zero))
	}
	if p.err != nil {
		p.failed()
	}
}

func (p *eventPrinter) error() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}
