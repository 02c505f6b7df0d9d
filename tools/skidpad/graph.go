package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/plan"
)

func graphCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "graph [SCENARIO]",
		Short:   "Draw a lab's or a scenario's topology as a Mermaid diagram",
		Long:    "Draws the lab of --name, or the plan of a scenario. Mermaid is a text format; GitHub and many editors show the text as a picture.",
		Example: "  skidpad graph cilium-bgp-vrrp",
		Args:    args(cobra.MaximumNArgs(1)),
	}
	name := nameFlag(cmd)
	f := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, a []string) error {
		p, err := planOf(cmd, *name, a)
		if err != nil {
			return err
		}
		return printAs(cmd.OutOrStdout(), *f, p, func(w io.Writer) error {
			_, err := io.WriteString(w, mermaid(p))
			return err
		})
	}
	return cmd
}

// planOf returns the plan of a scenario, or of the running lab.
func planOf(cmd *cobra.Command, name string, scenario []string) (*plan.Plan, error) {
	if len(scenario) == 1 {
		s, err := loadScenario(scenario[0])
		if err != nil {
			return nil, err
		}
		return lab.Draft(cmd.Context(), lab.Options{Name: name, Scenario: s})
	}
	l, err := lab.Open(cmd.Context(), name)
	if err != nil {
		return nil, err
	}
	return l.Plan, nil
}

// mermaid draws networks as hubs, with all attached nodes around.
func mermaid(p *plan.Plan) string {
	var b strings.Builder
	b.WriteString("graph LR\n")
	for _, n := range p.Networks {
		fmt.Fprintf(&b, "  net-%s([\"%s %s\"])\n", n.Name, n.Name, n.Subnet)
		for _, lower := range n.Lower() {
			fmt.Fprintf(&b, "  net-%s -.-|%s| net-%s\n", n.Name, n.Words(), lower)
		}
	}
	for _, c := range p.Clients {
		fmt.Fprintf(&b, "  %s[\"%s %s\"] --- net-%s\n", c.Name, c.Name, c.Network.Address, c.Network.Network)
		for _, a := range c.Further {
			fmt.Fprintf(&b, "  net-%s ---|%s| %s\n", a.Network, a.Address, c.Name)
		}
	}
	for _, c := range p.Containers {
		fmt.Fprintf(&b, "  %s[\"%s %s\"]\n", c.Name, c.Name, c.Image.Key())
		for _, n := range c.Host.Attachments() {
			fmt.Fprintf(&b, "  %s ---|%s| net-%s\n", c.Name, n.Address, n.Network)
		}
	}
	for _, r := range p.Routers {
		label := r.Name + " " + string(r.Software)
		if r.BGP != nil {
			label += fmt.Sprintf(" AS %d", r.BGP.ASN)
		}
		fmt.Fprintf(&b, "  %s[\"%s\"]\n", r.Name, label)
		for _, n := range r.Networks {
			fmt.Fprintf(&b, "  net-%s ---|%s| %s\n", n.Network, n.Address, r.Name)
		}
	}
	for _, g := range p.Gateways {
		for _, a := range g.Addresses {
			fmt.Fprintf(&b, "  net-%s -.-|VRRP| %s-%s{{\"%s %s\"}}\n", a.Network, g.Name, a.Network, g.Name, a.Address)
		}
	}
	if p.Cluster != nil {
		for _, n := range p.Cluster.Nodes {
			fmt.Fprintf(&b, "  net-%s --- %s[\"%s\"]\n", p.Cluster.HomeOf(n), n.Short, n.Short)
			for _, a := range n.Further {
				fmt.Fprintf(&b, "  net-%s ---|%s| %s\n", a.Network, a.Address, n.Short)
			}
		}
	}
	return b.String()
}
