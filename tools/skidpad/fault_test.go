package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"skidpad.dev/skidpad/lab/fault"
)

// The command line takes every fault, with every field, as scenario files do.
func TestFaultHasAFlagForEveryField(t *testing.T) {
	cmd := faultCmd()
	flags := 0
	for _, f := range faults() {
		if !strings.Contains(cmd.Long, "\n  "+fault.NameOf(f)+" ") {
			t.Errorf("the help does not list %s", fault.NameOf(f))
		}
		for _, o := range fault.Options(f) {
			flags++
			if flag := cmd.Flags().Lookup(o.Name); flag == nil || flag.Usage == "" {
				t.Errorf("%s takes %s, which is no flag, or a flag without help", fault.NameOf(f), o.Name)
			}
		}
	}
	if flags == 0 {
		t.Error("lab bug: no flag was looked for")
	}
}

func TestFaultOfFlags(t *testing.T) {
	for line, want := range map[string]string{
		"flap --network fabric --interval 200ms --for 2s": "flap r1 (network fabric, interval 200ms, for 2s)",
		"loss --percent 12.5":                             "loss at r1 (percent 12.5)",
		"killProcess --process bgpd":                      "kill bgpd on r1",
		"kill --peer r2":                                  "error: seen --peer with kill, want no flags but: --for",
		"restart --for 5s":                                "error: seen --for with restart, want no flags but: ",
	} {
		words := strings.Fields(line)
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		for _, f := range faults() {
			for _, o := range fault.Options(f) {
				faultFlag(flags, o)
			}
		}
		if err := flags.Parse(words[1:]); err != nil {
			t.Fatal(err)
		}
		for _, f := range faults() {
			if fault.NameOf(f) != words[0] {
				continue
			}
			got := ""
			if err := faultFields(flags, f, "r1"); err != nil {
				got = "error: " + err.Error()
			} else {
				got = f.String()
			}
			if got != want {
				t.Errorf("%s: seen %q, want %q", line, got, want)
			}
		}
	}
}
