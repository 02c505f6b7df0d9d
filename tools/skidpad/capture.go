package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/capture"
)

// captureOptions are the flags of capture.
type captureOptions struct {
	at      capture.Where
	length  time.Duration
	file    string
	snapLen int
}

func captureCmd() *cobra.Command {
	var o captureOptions
	cmd := &cobra.Command{
		Use:   "capture [--network N | --node NODE] [FILTER...]",
		Short: "Record packets on the lab's networks, or on one node's links, as pcapng",
		Long: "Records on the bridges of all networks or of one network, or on the links of one node, from the host, for the time of --for or until Ctrl-C.\n" +
			"FILTER is a pcap filter: `udp port 8080`. Wireshark and tshark read the file; each place is an interface of its own in the file.",
		Example: "  skidpad capture --network fabric --for 5s -w fabric.pcapng arp or vrrp\n  skidpad capture --node r1 -w - tcp port 179 | tshark -r -",
	}
	name := nameFlag(cmd)
	cmd.Flags().StringVar(&o.at.Network, "network", "", "only this network")
	cmd.Flags().StringVar(&o.at.Node, "node", "", "the links of this router, client or cluster node")
	cmd.Flags().DurationVar(&o.length, "for", 0, "length of the recording (default: until Ctrl-C)")
	cmd.Flags().StringVarP(&o.file, "write", "w", "skidpad.pcapng", "the file to write; - is standard output")
	cmd.Flags().IntVar(&o.snapLen, "snaplen", 0, "bytes to keep of each packet (default: all)")
	cmd.RunE = func(cmd *cobra.Command, words []string) error {
		switch {
		case o.at.Network != "" && o.at.Node != "":
			return usage("--network and --node exclude each other")
		case o.length < 0:
			return usage("--for: want a time above zero, got %s", o.length)
		case o.snapLen < 0:
			return usage("--snaplen: want a number above zero, got %d", o.snapLen)
		case o.file == "-" && term.IsTerminal(int(os.Stdout.Fd())):
			return usage("-w -: standard output is a terminal; pipe it into a reader of pcapng, such as `tshark -r -`")
		}
		l, err := lab.Open(cmd.Context(), *name)
		if err != nil {
			return err
		}
		return runCapture(cmd, l, o, strings.Join(words, " "))
	}
	return cmd
}

// runCapture records until the time has passed or the command is interrupted, and prints a summary.
func runCapture(cmd *cobra.Command, l *lab.Lab, o captureOptions, expression string) error {
	filter, err := compileFilter(cmd.Context(), l, expression)
	if err != nil {
		return err
	}
	w := io.Writer(os.Stdout)
	if o.file != "-" {
		f, err := os.Create(o.file)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // all output was flushed, and its errors returned
		w = f
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	stderr := cmd.ErrOrStderr()
	counted, err := l.Capture(ctx, o.at, capture.Options{SnapLen: o.snapLen, Filter: filter}, w, func() {
		fmt.Fprintln(stderr, "capturing; end with Ctrl-C")
		if o.length > 0 {
			time.AfterFunc(o.length, cancel)
		}
	})
	return errors.Join(err, tellCaptured(stderr, o.file, counted))
}

// compileFilter compiles the expression on the first node of the lab with tcpdump.
func compileFilter(ctx context.Context, l *lab.Lab, expression string) (capture.Filter, error) {
	if expression == "" {
		return nil, nil
	}
	var tried error
	for _, p := range append(clientNames(l), routerNames(l)...) {
		n, err := l.Node(p)
		if err != nil {
			return nil, err
		}
		filter, err := capture.Compile(ctx, n, expression)
		if err == nil {
			return filter, nil
		}
		tried = err
	}
	if tried == nil {
		return nil, usage("a filter is compiled by tcpdump on a client or a router; lab %s has no client and no router", l.Plan.Lab)
	}
	return nil, usage("%w", tried)
}

func clientNames(l *lab.Lab) (names []string) {
	for _, c := range l.Plan.Clients {
		names = append(names, c.Name)
	}
	return names
}

func routerNames(l *lab.Lab) (names []string) {
	for _, r := range l.Plan.Routers {
		names = append(names, r.Name)
	}
	return names
}

func tellCaptured(w io.Writer, file string, counted []capture.Counted) error {
	if counted == nil {
		return nil
	}
	var rows [][]string
	for _, c := range counted {
		rows = append(rows, []string{c.Source, fmt.Sprint(c.Packets), fmt.Sprint(c.Bytes), fmt.Sprint(c.Dropped)})
	}
	if err := writeTable(w, []string{"PLACE", "PACKETS", "BYTES", "MISSED"}, rows); err != nil {
		return err
	}
	if file != "-" {
		fmt.Fprintln(w, "written to", file)
	}
	return nil
}
