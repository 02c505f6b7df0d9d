package main

import (
	"strings"
	"testing"

	"github.com/google/shlex"
	"github.com/spf13/cobra"
)

// TestEveryCommandHasAnExampleThatParses keeps examples in step with the flags and arguments.
func TestEveryCommandHasAnExampleThatParses(t *testing.T) {
	for _, c := range all(root()) {
		if c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, line := range strings.Split(c.Example, "\n") {
			parses(t, strings.TrimSpace(line))
		}
	}
}

func all(c *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		list = append(list, all(sub)...)
	}
	return list
}

// parses finds the example's command in a tree of its own, and parses the example's flags and arguments.
func parses(t *testing.T, line string) {
	t.Helper()
	line, _, _ = strings.Cut(line, " | ")
	line, _, _ = strings.Cut(line, " >")
	words, err := shlex.Split(line)
	if err != nil || len(words) < 2 || words[0] != "skidpad" {
		t.Errorf("example %q: want a skidpad command; %v", line, err)
		return
	}
	cmd, rest, err := root().Find(words[1:])
	if err != nil {
		t.Errorf("example %q: %v", line, err)
		return
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Errorf("example %q: %v", line, err)
		return
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		t.Errorf("example %q: %v", line, err)
	}
}
