package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
)

// probeOptions are the flags of probe.
type probeOptions struct {
	from, to, proto string
	flow            probe.Flow
	ended           func() // called after the last packet is sent
}

func probeCmd() *cobra.Command {
	var o probeOptions
	cmd := &cobra.Command{
		Use:   "probe --from NODE --to TARGET",
		Short: "Send packets at a fixed rate and report losses, outages and the answering pods",
		Long: "TARGET is " + probe.Spellings + ".\nA target with several addresses is several flows. Ends with 1 if a packet was lost, with 4 if the " +
			"recording proves nothing.\n" +
			"A terminal shows each flow live: ─ for all packets answered, ▄ for some lost, █ for all lost.",
		Example: "  skidpad probe --from client --to loadBalancer/echo --rate 1000 --for 5s\n  skidpad probe --from client --to nodePort/echo@worker --proto udp -o json",
		Args:    args(cobra.NoArgs),
	}
	name := nameFlag(cmd)
	f := outputFlag(cmd)
	cmd.Flags().StringVar(&o.from, "from", "client", "the sending node")
	cmd.Flags().StringVar(&o.to, "to", "", "the target")
	cmd.Flags().StringVar(&o.proto, "proto", "udp", "udp, tcp or http")
	cmd.Flags().Float64Var(&o.flow.Rate, "rate", 100, "attempts a second, 1 to 1000")
	cmd.Flags().DurationVar(&o.flow.Duration, "for", 5*time.Second, "how long")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ref, err := o.check()
		if err != nil {
			return err
		}
		l, err := lab.Open(cmd.Context(), *name)
		if err != nil {
			return err
		}
		if *f == formatTable {
			s := newStrip(os.Stderr)
			o.flow.Live = s.take
			o.ended = s.Close
		}
		results, err := runProbe(cmd.Context(), l, o, ref)
		if err != nil {
			return err
		}
		if err := printProbe(cmd.OutOrStdout(), *f, results); err != nil {
			return err
		}
		return probeVerdict(results)
	}
	return cmd
}

// check reads the flags; every mistake is a usage error.
func (o *probeOptions) check() (probe.Ref, error) {
	if o.to == "" {
		return probe.Ref{}, usage("--to is missing: want %s", probe.Spellings)
	}
	ref, err := probe.ParseRef(o.to)
	if err != nil {
		return ref, usage("--to: %w", err)
	}
	switch o.proto {
	case "udp":
		o.flow.Proto = record.UDP
	case "tcp":
		o.flow.Proto = record.TCP
	case "http":
		o.flow.Proto = record.HTTP
	default:
		return ref, usage("--proto: want udp, tcp or http, got %q", o.proto)
	}
	if o.flow.Rate < 1 || o.flow.Rate > 1000 {
		return ref, usage("--rate: want 1 to 1000 attempts a second, got %g", o.flow.Rate)
	}
	if o.flow.Duration <= 0 {
		return ref, usage("--for: want a time above zero, got %s", o.flow.Duration)
	}
	return ref, nil
}

func runProbe(ctx context.Context, l *lab.Lab, o probeOptions, ref probe.Ref) ([]probe.Result, error) {
	from, err := l.Node(o.from)
	if err != nil {
		return nil, usage("--from: %w", err)
	}
	o.flow.Targets, err = l.Resolve(ctx, ref, o.flow.Proto)
	if err != nil {
		return nil, err
	}
	rec, err := probe.Run(ctx, from, o.flow)
	if o.ended != nil {
		o.ended()
	}
	if rec == nil {
		return nil, err
	}
	return probe.Results(o.from, o.to, rec, loss.Options{}), nil
}

// printProbe prints one result as the object that scripts read, and several results as a list.
func printProbe(w io.Writer, f format, results []probe.Result) error {
	var v any = results
	if len(results) == 1 {
		v = results[0]
	}
	return printAs(w, f, v, func(w io.Writer) error {
		var rows [][]string
		for _, r := range results {
			rows = append(rows, probeRow(r))
		}
		return writeTable(w, []string{"TARGET", "SENT", "LOST", "P50 MS", "MAX MS", "OUTAGES", "ANSWERED BY"}, rows)
	})
}

func probeRow(r probe.Result) []string {
	lost := fmt.Sprintf("unknown, at least %d", r.LostAtLeast)
	if r.Lost != nil {
		lost = fmt.Sprint(*r.Lost)
	}
	var outages, by []string
	for _, o := range r.Outages {
		outages = append(outages, fmt.Sprintf("%.0f ms", o.Length))
	}
	for _, a := range r.AnsweredBy {
		by = append(by, fmt.Sprintf("%s on %s (%d, saw %s)", a.Pod, a.Node, a.Times, a.Source))
	}
	if len(outages) == 0 {
		outages = []string{"none"}
	}
	return []string{r.Target, fmt.Sprint(r.Sent), lost, fmt.Sprintf("%.2f", r.Latency.P50), fmt.Sprintf("%.2f", r.Latency.Max),
		strings.Join(outages, ", "), strings.Join(by, "; ")}
}

// probeVerdict turns results into an exit code.
func probeVerdict(results []probe.Result) error {
	code := exitHeld
	for _, r := range results {
		switch {
		case r.LostAtLeast > 0:
			return &exitError{code: exitFailed}
		case r.Lost == nil:
			code = exitUnknown
		}
	}
	if code != exitHeld {
		return &exitError{code: code}
	}
	return nil
}
