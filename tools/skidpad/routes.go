package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/bgp"
)

// routerRoutes is a router's RIB and FIB.
type routerRoutes struct {
	Router string      `json:"router"`
	RIB    []bgp.Route `json:"rib"`
	FIB    []bgp.Route `json:"fib"`
}

func routesCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "routes [ROUTER...]",
		Short:   "Show the routes of routers (RIB) and of their kernels (FIB)",
		Example: "  skidpad routes r1\n  skidpad routes -o json",
	}
	name := nameFlag(cmd)
	f := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, routers []string) error {
		l, err := lab.Open(cmd.Context(), *name)
		if err != nil {
			return err
		}
		if len(routers) == 0 {
			for _, r := range l.Plan.Routers {
				routers = append(routers, r.Name)
			}
		}
		all, err := readRoutes(cmd.Context(), l, routers)
		if err != nil {
			return err
		}
		return printAs(cmd.OutOrStdout(), *f, all, func(w io.Writer) error { return routesTable(w, all) })
	}
	return cmd
}

func readRoutes(ctx context.Context, l *lab.Lab, routers []string) ([]routerRoutes, error) {
	var all []routerRoutes
	for _, name := range routers {
		r, err := l.Router(name)
		if err != nil {
			return nil, usage("%w", err)
		}
		rib, err := r.Routes(ctx)
		if err != nil {
			return nil, err
		}
		fib, err := r.FIB(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, routerRoutes{name, rib, fib})
	}
	return all, nil
}

func routesTable(w io.Writer, all []routerRoutes) error {
	var rows [][]string
	for _, r := range all {
		kernel := bgp.ByPrefix(r.FIB)
		for _, rib := range r.RIB {
			fib := "not there"
			if in, ok := kernel[rib.Prefix]; ok {
				fib = nextHops(in)
			}
			rows = append(rows, []string{r.Router, rib.Prefix.String(), nextHops(rib), fib})
		}
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(w, "no router has a route")
		return err
	}
	return writeTable(w, []string{"ROUTER", "PREFIX", "RIB", "FIB"}, rows)
}

func nextHops(r bgp.Route) string {
	var s []string
	for _, h := range r.NextHops {
		if h.Address.IsValid() {
			s = append(s, h.Address.String())
		} else {
			s = append(s, "dev "+h.Interface)
		}
	}
	if len(s) == 0 {
		return cmp.Or(r.Unusable(), "-")
	}
	return strings.Join(s, " ")
}
