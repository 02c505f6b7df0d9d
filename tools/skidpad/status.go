package main

import (
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/bgp"
)

func statusCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Report whether a lab is healthy, and all its problems",
		Long:    "Prints the parts of the lab and every problem. Ends with 1 if there is a problem.",
		Example: "  skidpad status\n  skidpad status -o json",
		Args:    args(cobra.NoArgs),
	}
	name := nameFlag(cmd)
	f := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		l, err := lab.Find(cmd.Context(), *name)
		if err != nil {
			return err
		}
		st, err := l.Status(cmd.Context())
		if err != nil {
			return err
		}
		if err := printAs(cmd.OutOrStdout(), *f, st, func(w io.Writer) error { return statusTable(w, st) }); err != nil {
			return err
		}
		if !st.Healthy {
			return &exitError{code: exitFailed}
		}
		return nil
	}
	return cmd
}

// statusTable prints a lab on one screen.
func statusTable(w io.Writer, st *lab.Status) error {
	state := "healthy"
	if !st.Healthy {
		state = fmt.Sprintf("%d problems", len(st.Problems))
	}
	fmt.Fprintf(w, "lab %s, scenario %s: %s\n\n", st.Name, st.Scenario, state)
	var rows [][]string
	header := []string{"NODE", "ROLE", "STATE"}
	for _, n := range st.Networks {
		header = append(header, strings.ToUpper(n.Name)+" "+n.Subnet.String())
	}
	for _, n := range st.Nodes {
		row := []string{n.Name, n.Role, n.State}
		for _, net := range st.Networks {
			row = append(row, addressOrDash(n.Addresses[net.Name]))
		}
		rows = append(rows, row)
	}
	if err := writeTable(w, header, rows); err != nil {
		return err
	}
	fmt.Fprintln(w)
	statusLines(w, st)
	for _, note := range st.Notes {
		fmt.Fprintln(w, "note        ", note)
	}
	for _, p := range st.Problems {
		fmt.Fprintln(w, "PROBLEM ", p)
	}
	return nil
}

// statusLines print the holders of addresses and the addresses of workloads.
func statusLines(w io.Writer, st *lab.Status) {
	for _, g := range st.Gateways {
		holder := g.Holder
		if holder == "" {
			holder = "nobody"
		}
		fmt.Fprintf(w, "gateway %s   %s held by %s\n", g.Name, joined(g.VIPs), holder)
	}
	if e := st.Endpoint; e != nil {
		holder := e.Holder
		if holder == "" {
			holder = "nobody"
		}
		fmt.Fprintf(w, "api          %s held by %s; etcd: %s\n", e.Server, holder, strings.Join(e.Members, ", "))
	}
	up := 0
	for _, s := range st.Sessions {
		if s.State == bgp.Established {
			up++
		}
	}
	if len(st.Sessions) > 0 {
		fmt.Fprintf(w, "bgp          %d of %d sessions Established\n", up, len(st.Sessions))
	}
	for _, s := range st.Workloads {
		fmt.Fprintf(w, "workload %s: clusterIP %s  externalIP %s  loadBalancer %s", s.Name, joined(s.ClusterIPs), joined(s.ExternalIPs), joined(s.LoadBalancerIPs))
		for _, p := range s.Ports {
			fmt.Fprintf(w, "  %d/%s", p.Port, p.Protocol)
			if p.NodePort > 0 {
				fmt.Fprintf(w, " (node port %d)", p.NodePort)
			}
		}
		fmt.Fprintln(w)
	}
}

func joined(addrs []netip.Addr) string {
	if len(addrs) == 0 {
		return "-"
	}
	var s []string
	for _, a := range addrs {
		s = append(s, a.String())
	}
	return strings.Join(s, ",")
}

func addressOrDash(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}
