package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/scenario"
)

func faultCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fault KIND NODE",
		Short: "Disturb a node, a link, a protocol or the cluster, and undo it",
		Long: "Makes a fault and ends; the fault stays until `skidpad fault clear`. With --for, the fault is undone after this time, at Ctrl-C,\n" +
			"and when this process is killed. A flap always ends with this process.\n\n" + faultKinds() +
			"\nEnds with 4 if this host's kernel cannot make the fault.",
		Example: "  skidpad fault kill r1 --for 5s\n  skidpad fault linkDown r1 --network fabric\n  skidpad fault killProcess worker --process cilium-agent\n" +
			"  skidpad fault partition r1 --peer worker --direction out\n  skidpad fault list\n  skidpad fault clear --all",
		Args: args(cobra.ExactArgs(2)),
	}
	name := nameFlag(cmd)
	out := outputFlag(cmd)
	for _, f := range faults() {
		for _, o := range fault.Options(f) {
			faultFlag(cmd.Flags(), o)
		}
	}
	cmd.RunE = func(cmd *cobra.Command, a []string) error {
		f, err := fault.Find(lab.Kinds().Faults, a[0])
		if err != nil {
			return usage("%w", err)
		}
		if err := faultFields(cmd.Flags(), f, a[1]); err != nil {
			return err
		}
		return disturb(cmd, *name, f, *out)
	}
	cmd.AddCommand(faultListCmd(), faultClearCmd())
	return cmd
}

// faults returns an empty fault of each member.
func faults() []fault.Fault {
	var all []fault.Fault
	for _, m := range lab.Kinds().Faults {
		all = append(all, m.New().(fault.Fault))
	}
	return all
}

// faultFlag makes a flag for an option. Several faults share a flag.
func faultFlag(flags *pflag.FlagSet, o scenario.Option) {
	if flags.Lookup(o.Name) != nil {
		return
	}
	switch o.Value.(type) {
	case float64:
		flags.Float64(o.Name, 0, o.Help)
	case int:
		flags.Int(o.Name, 0, o.Help)
	case scenario.Duration:
		flags.Duration(o.Name, 0, o.Help)
	default:
		flags.String(o.Name, "", o.Help)
	}
}

// faultFields sets the target and the options that flags give.
func faultFields(flags *pflag.FlagSet, f fault.Fault, target string) error {
	given := map[string]any{fault.NameOf(f): target}
	options := map[string]bool{}
	var takes []string
	for _, o := range fault.Options(f) {
		options[o.Name] = true
		takes = append(takes, "--"+o.Name)
		if !flags.Changed(o.Name) {
			continue
		}
		given[o.Name] = flags.Lookup(o.Name).Value.String()
		switch o.Value.(type) {
		case float64, int:
			given[o.Name] = json.Number(given[o.Name].(string))
		}
	}
	for _, other := range faults() {
		for _, o := range fault.Options(other) {
			if flags.Changed(o.Name) && !options[o.Name] {
				return usage("seen --%s with %s, want no flags but: %s", o.Name, fault.NameOf(f), strings.Join(takes, ", "))
			}
		}
	}
	data, err := json.Marshal(given)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, f); err != nil {
		return usage("fault %s: %w", fault.NameOf(f), err)
	}
	return nil
}

// faultKinds returns the table of kinds for the help.
func faultKinds() string {
	var b strings.Builder
	b.WriteString("Kinds:\n")
	for _, f := range faults() {
		flags := ""
		for _, o := range fault.Options(f) {
			if o.Required {
				flags += " --" + o.Name
			}
		}
		fmt.Fprintf(&b, "  %-29s %s\n", fault.NameOf(f)+flags, f.About().What)
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
	ends, _ := scenario.FaultOf(f).Lasts()
	in.Persist = ends == 0 && !f.About().Driven
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
