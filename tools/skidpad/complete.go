package main

import (
	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/scenario"
)

// choices returns the values that a shell offers for an argument or a flag.
type choices func(cmd *cobra.Command) ([]string, error)

// complete sets the completions of all commands. `skidpad completion` prints the script for a shell.
func complete(root *cobra.Command) {
	scenarios := func(*cobra.Command) ([]string, error) { return namesWithVariants(), nil }
	bugs := func(*cobra.Command) ([]string, error) { return bugIDs(), nil }
	tasks := func(*cobra.Command) ([]string, error) { return append(namesWithVariants(), bugIDs()...), nil }
	nodes := ofLab((*lab.Lab).Names)
	// A list has a member per argument.
	arguments := map[string][]choices{
		"up": {scenarios}, "graph": {scenarios}, "show": {scenarios}, "repro": {bugs}, "bisect": {bugs},
		"exec": {nodes}, "shell": {nodes}, "join": {nodes}, "leave": {nodes}, "fault": {faultNames, nodes}, "kubectl": {labNames},
	}
	repeated := map[string]choices{"test": scenarios, "run": tasks, "validate": scenarios, "routes": ofLab(routerNames), "clear": faultIDs}
	flags := map[string]choices{
		"name": labNames, "from": nodes, "node": nodes, "peer": nodes, "to": ofLab(targetNames), "network": ofLab(networkNames),
		"without": func(*cobra.Command) ([]string, error) { return leverNames(), nil },
	}
	for _, cmd := range commands(root) {
		if list, more := arguments[cmd.Name()], repeated[cmd.Name()]; len(list) > 0 || more != nil {
			cmd.ValidArgsFunction = func(cmd *cobra.Command, a []string, _ string) ([]string, cobra.ShellCompDirective) {
				if len(a) < len(list) {
					return offer(cmd, list[len(a)])
				}
				return offer(cmd, more)
			}
		}
		for flag, c := range flags {
			if cmd.Flags().Lookup(flag) != nil {
				_ = cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
					return offer(cmd, c)
				})
			}
		}
	}
}

// commands returns a command and all commands below.
func commands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		all = append(all, commands(c)...)
	}
	return all
}

// offer asks for choices. Without choices, the shell offers files: a scenario may be a file.
func offer(cmd *cobra.Command, c choices) ([]string, cobra.ShellCompDirective) {
	if c == nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	values, err := c(cmd)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return values, cobra.ShellCompDirectiveDefault
}

// ofLab returns choices that depend on the lab of --name.
func ofLab(values func(*lab.Lab) []string) choices {
	return func(cmd *cobra.Command) ([]string, error) {
		l, err := lab.Open(cmd.Context(), cmd.Flag("name").Value.String())
		if err != nil {
			return nil, err
		}
		return values(l), nil
	}
}

func labNames(cmd *cobra.Command) ([]string, error) {
	labs, err := lab.List(cmd.Context())
	var names []string
	for _, l := range labs {
		names = append(names, l.Name+"\t"+l.Scenario)
	}
	return names, err
}

func faultNames(*cobra.Command) ([]string, error) {
	var kinds []string
	for _, f := range faults() {
		kinds = append(kinds, fault.NameOf(f)+"\t"+f.About().What)
	}
	return kinds, nil
}

// faultIDs returns the faults in force.
func faultIDs(cmd *cobra.Command) ([]string, error) {
	in, err := injector(cmd.Context(), cmd.Flag("name").Value.String())
	if err != nil {
		return nil, err
	}
	list, err := in.List(cmd.Context())
	var ids []string
	for _, a := range list {
		ids = append(ids, a.ID+"\t"+a.Fault.String())
	}
	return ids, err
}

func networkNames(l *lab.Lab) (names []string) {
	for _, n := range l.Plan.Networks {
		names = append(names, n.Name)
	}
	return names
}

// targetNames returns the targets of probes in a lab: pod/echo, client/far.
func targetNames(l *lab.Lab) (names []string) {
	for _, w := range l.Plan.Workloads {
		for _, kind := range []scenario.Target{scenario.TargetPod, scenario.TargetClusterIP, scenario.TargetExternalIP, scenario.TargetLoadBalancer, scenario.TargetNodePort} {
			names = append(names, string(kind)+"/"+w.Name)
		}
	}
	for _, c := range l.Plan.Clients {
		if c.Echo {
			names = append(names, string(scenario.TargetClient)+"/"+c.Name)
		}
	}
	return names
}
