package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/image"
)

func TestParse(t *testing.T) {
	got := parse("# comment\n\nskidpad doctor\n  root: nft list ruleset\n")
	want := []command{{"dev", "skidpad doctor"}, {"root", "nft list ruleset"}}
	if !slices.Equal(got, want) {
		t.Errorf("seen %q, want %q", got, want)
	}
	if len(parse(listed)) == 0 {
		t.Error("the file commands has no command")
	}
}

func TestAccel(t *testing.T) {
	for _, c := range []struct {
		name, cpuinfo string
		kvm           error
		want          string
	}{
		{"a processor that virtualises", "flags : fpu vmx avx2", nil, "kvm"},
		{"/dev/kvm without vmx and svm", "flags : fpu avx2", nil, "tcg"}, // software virtualisation needs another kernel in the machine
		{"no permission", "flags : fpu svm", errors.New("permission denied"), "tcg"},
	} {
		if got := accel(c.cpuinfo, c.kvm); got != c.want {
			t.Errorf("%s: seen %s, want %s", c.name, got, c.want)
		}
	}
}

func TestQEMUIsClosedToTheNetwork(t *testing.T) {
	line := strings.Join(machine{"/m"}.qemu("tcg", "/disk", 2222), " ")
	for _, part := range []string{"restrict=on", "hostfwd=tcp:127.0.0.1:2222-:22", "snapshot=on", "path=/m/share,", "readonly=on", "tcg,thread=multi"} {
		if !strings.Contains(line, part) {
			t.Errorf("seen %s, want %s", line, part)
		}
	}
	if line := strings.Join(machine{"/m"}.qemu("kvm", "/disk", 2222), " "); !strings.Contains(line, "-accel kvm -cpu host") {
		t.Errorf("seen %s, want KVM with this machine's processor", line)
	}
}

func TestTableAndFailures(t *testing.T) {
	all := []result{
		{command: command{"dev", "true"}, took: 1400 * time.Millisecond},
		{command: command{"root", "false"}, code: 1, took: 2 * time.Second},
		{command: command{"dev", "sleep 9"}, code: -1, took: time.Second, err: errors.New("time limit of 1s")},
	}
	want := `
RESULT            TIME  USER  COMMAND
ok                1 s   dev   true
exit 1            2 s   root  false
time limit of 1s  1 s   dev   sleep 9
`
	if got := table(all); got != want {
		t.Errorf("seen:\n%swant:\n%s", got, want)
	}
	if err := failures(all); err == nil || err.Error() != "2 of 3 commands failed" {
		t.Errorf("seen %v, want 2 of 3", err)
	}
	if err := failures(all[:1]); err != nil {
		t.Error(err)
	}
}

func TestMissingImages(t *testing.T) {
	have := map[string]image.Resolved{"frr": {Ref: "l/frr:1"}, "frr 8": {Ref: "l/frr:1"}, "client": {Ref: "l/client:1"}}
	got := missing(have, []string{"l/client:1", "l/other:1"})
	if len(got) != 1 || got[0].Ref != "l/frr:1" {
		t.Errorf("seen %v, want frr alone, once", got)
	}
}
