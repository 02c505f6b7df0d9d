package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/scenario"
)

func faultCmd() *cobra.Command {
	var f fault.Fault
	var wait struct{ delay, jitter, interval, last time.Duration }
	cmd := &cobra.Command{
		Use:   "fault KIND NODE",
		Short: "Disturb a node, a link, a protocol or the cluster, and undo it",
		Long: "Makes a fault and ends; the fault stays until `skidpad fault clear`. With --for, the fault is undone after this time, at Ctrl-C,\n" +
			"and when this process is killed. A flap always ends with this process.\n\n" + faultKinds() +
			"\nEnds with 4 if this host's kernel cannot make the fault.",
		Example: "  skidpad fault kill r1 --for 5s\n  skidpad fault linkDown r1 --network fabric\n  skidpad fault killProcess worker --process cilium-agent\n" +
			"  skidpad fault partition r1 --peer worker --direction out\n  skidpad fault list\n  skidpad fault clear --all",
		Args:              args(cobra.ExactArgs(2)),
		ValidArgsFunction: completeFault,
	}
	name := nameFlag(cmd)
	out := outputFlag(cmd)
	cmd.Flags().StringVar(&f.Network, "network", "", "on this network only")
	cmd.Flags().StringVar(&f.Peer, "peer", "", "the other end: a node; for BGP also nodes, for neighbours also a gateway or an address")
	cmd.Flags().StringVar(&f.Process, "process", "", "the program: bgpd, zebra, bfdd, keepalived, cilium-agent, kubelet …")
	cmd.Flags().StringVar(&f.Proto, "proto", "", "bgp, bfd, vrrp or arp")
	cmd.Flags().StringVar(&f.Direction, "direction", "", "in or out, as seen from NODE (default: both)")
	cmd.Flags().Float64Var(&f.Percent, "percent", 0, "of packets")
	cmd.Flags().StringVar(&f.Rate, "rate", "", "bits a second: 500kbit, 10mbit")
	cmd.Flags().DurationVar(&wait.delay, "delay", 0, "additional delay of packets")
	cmd.Flags().DurationVar(&wait.jitter, "jitter", 0, "variation of the delay")
	cmd.Flags().DurationVar(&wait.interval, "interval", 0, "length of a flap's down time, and of its up time")
	cmd.Flags().DurationVar(&wait.last, "for", 0, "undo the fault after this time")
	cmd.RunE = func(cmd *cobra.Command, a []string) error {
		kind, err := fault.ParseKind(a[0])
		if err != nil {
			return usage("%w", err)
		}
		f.Kind, f.Node = kind, a[1]
		f.Delay, f.Jitter = scenario.Duration(wait.delay), scenario.Duration(wait.jitter)
		f.Interval, f.For = scenario.Duration(wait.interval), scenario.Duration(wait.last)
		return disturb(cmd, *name, f, *out)
	}
	cmd.AddCommand(faultListCmd(), faultClearCmd())
	return cmd
}

// faultKinds returns the table of kinds for the help.
func faultKinds() string {
	var b strings.Builder
	b.WriteString("Kinds:\n")
	for _, k := range fault.Kinds() {
		flags := ""
		for _, n := range k.Needs {
			flags += " --" + n
		}
		fmt.Fprintf(&b, "  %-29s %s\n", string(k.Kind)+flags, k.What)
	}
	return b.String()
}

// injector returns the fault injector of a lab found by its labels.
func injector(ctx context.Context, name string) (*fault.Injector, error) {
	l, err := lab.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	eng, err := docker.Connect(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := lab.Dir(l.Plan.Lab)
	if err != nil {
		return nil, err
	}
	return fault.New(eng, l.Plan, dir, fault.KubeAt(eng, l.Plan, dir), nil), nil
}

// disturb makes a fault and, with a limited time, waits for its end.
func disturb(cmd *cobra.Command, name string, f fault.Fault, out format) error {
	ctx := cmd.Context()
	in, err := injector(ctx, name)
	if err != nil {
		return err
	}
	in.Persist = f.For == 0 && f.Kind != fault.KindFlap
	active, err := in.Inject(ctx, f)
	if err != nil {
		return faultError(err)
	}
	err = printAs(cmd.OutOrStdout(), out, active, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s  %s, in force after %s\n", active.ID, f, active.Injection().Round(100*time.Microsecond))
		return err
	})
	if in.Persist {
		return err
	}
	ended := active.Wait(ctx)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return errors.Join(err, ended, in.Close(closing))
}

// faultError gives mistakes of the user and impossible faults their exit codes.
func faultError(err error) error {
	var invalid *fault.Invalid
	var missing *fault.NotFoundError
	var skipped *fault.Skipped
	switch {
	case errors.As(err, &invalid), errors.As(err, &missing):
		return usage("%w", err)
	case errors.As(err, &skipped):
		return &exitError{exitUnknown, err}
	}
	return err
}

func faultListCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Show the faults in force, of all processes",
		Example: "  skidpad fault list -o json",
		Args:    args(cobra.NoArgs),
	}
	name := nameFlag(cmd)
	out := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		in, err := injector(cmd.Context(), *name)
		if err != nil {
			return err
		}
		list, err := in.List(cmd.Context())
		if err != nil {
			return err
		}
		return printAs(cmd.OutOrStdout(), *out, list, func(w io.Writer) error { return faultTable(w, list) })
	}
	return cmd
}

func faultTable(w io.Writer, list []fault.Active) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "no fault is in force")
		return err
	}
	var rows [][]string
	for _, a := range list {
		until := "cleared"
		switch {
		case !a.Until.IsZero():
			until = a.Until.Format(time.TimeOnly)
		case a.Maker != "":
			until = fmt.Sprintf("process %d ends", a.PID)
		}
		state := string(a.State)
		if a.Error != "" {
			state += ": " + a.Error
		}
		rows = append(rows, []string{a.ID, a.Fault.String(), a.Since.Format(time.TimeOnly), until, state})
	}
	return writeTable(w, []string{"ID", "FAULT", "SINCE", "UNTIL", "STATE"}, rows)
}

func faultClearCmd() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "clear [ID...]",
		Short:   "Undo faults: those named, or all",
		Example: "  skidpad fault clear --all\n  skidpad fault clear 3f9a1c",
	}
	name := nameFlag(cmd)
	out := outputFlag(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "every fault of the lab")
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		if all == (len(ids) > 0) {
			return usage("want the IDs of faults or --all; see `skidpad fault list`")
		}
		in, err := injector(cmd.Context(), *name)
		if err != nil {
			return err
		}
		cleared, err := clearFaults(cmd.Context(), in, ids)
		return errors.Join(faultError(err), printAs(cmd.OutOrStdout(), *out, cleared, func(w io.Writer) error {
			for _, a := range cleared {
				if _, err := fmt.Fprintf(w, "%s  %s undone\n", a.ID, a.Fault); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	return cmd
}

// clearFaults undoes faults, all faults if ids is empty, and returns the undone faults.
func clearFaults(ctx context.Context, in *fault.Injector, ids []string) ([]fault.Active, error) {
	if len(ids) == 0 {
		return in.ClearAll(ctx)
	}
	cleared := []fault.Active{}
	var errs []error
	for _, id := range ids {
		a, err := in.Find(ctx, id)
		if err == nil {
			err = a.Clear(ctx)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		cleared = append(cleared, *a)
	}
	return cleared, errors.Join(errs...)
}

// completeFault offers kinds, then nodes.
func completeFault(cmd *cobra.Command, a []string, s string) ([]string, cobra.ShellCompDirective) {
	if len(a) == 1 {
		return completeNodes(cmd, nil, s)
	}
	var kinds []string
	if len(a) == 0 {
		for _, k := range fault.Kinds() {
			kinds = append(kinds, string(k.Kind)+"\t"+k.What)
		}
	}
	return kinds, cobra.ShellCompDirectiveNoFileComp
}
