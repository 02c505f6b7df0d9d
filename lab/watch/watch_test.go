package watch

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	moby "github.com/moby/moby/api/types/events"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/timeline"
)

var planForNames = plan.Plan{
	Lab:      "t",
	Networks: []plan.Network{{Name: "edge", Host: netip.MustParseAddr("192.0.2.1")}},
	Routers:  []plan.Router{{Name: "r1", Networks: []plan.Attachment{{Network: "edge", Address: netip.MustParseAddr("192.0.2.2")}}}},
	Gateways: []plan.Gateway{{Name: "gw", Addresses: []plan.Attachment{{Network: "edge", Address: netip.MustParseAddr("192.0.2.250")}}}},
	Clients:  []plan.Client{{Name: "client", Network: plan.Attachment{Network: "edge", Address: netip.MustParseAddr("192.0.2.4")}}},
	Cluster:  &plan.Cluster{Name: "skidpad-t"},
}

func list(e ...timeline.Event) []timeline.Event { return e }

func TestNames(t *testing.T) {
	n := newNames(&planForNames)
	n.learn("worker", []netip.Addr{netip.MustParseAddr("10.89.0.11")}, []string{"02:42:0a:59:00:0b"})
	for address, want := range map[string]string{"192.0.2.1": "host", "192.0.2.2": "r1", "192.0.2.250": "gw", "192.0.2.4": "client", "10.89.0.11": "worker", "::ffff:10.89.0.11": "worker", "192.0.2.77": "192.0.2.77"} {
		if got := n.addr(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is %q; wanted %q", address, got, want)
		}
	}
	if got := n.node("skidpad-t-worker2"); got != "worker2" {
		t.Errorf("the node is %q", got)
	}
	if got := n.mac("02:42:0a:59:00:0b"); got != "worker" {
		t.Errorf("the MAC is %q", got)
	}
}

// TestContainerEvents checks that a death seen by the end of the process keeps this time; the engine's own time is
// later.
func TestContainerEvents(t *testing.T) {
	w := &Watch{gone: map[string]int64{}}
	p := place{name: "r1", kind: node.KindRouter, container: "skidpad-t-r1"}
	seen := time.Now()
	w.gone[p.container] = timeline.AtWall(seen)
	die := moby.Message{Action: moby.ActionDie, TimeNano: seen.Add(40 * time.Millisecond).UnixNano(), Actor: moby.Actor{Attributes: map[string]string{"exitCode": "137"}}}
	e := w.containerEvent(p, die)
	if d := e.Wall.Sub(seen); d < -5*time.Millisecond || d > 5*time.Millisecond || e.Text != "container ended, killed (SIGKILL)" || e.Kind != "container-die" {
		t.Errorf("the death is told as %+v", e)
	}
	e = w.containerEvent(p, die)
	if d := e.Wall.Sub(seen); d != 40*time.Millisecond {
		t.Errorf("a death that only the engine saw is told %s after it", d)
	}
}

func TestExitText(t *testing.T) {
	for code, want := range map[string]string{"0": " with exit code 0", "137": ", killed (SIGKILL)", "143": ", told to end (SIGTERM)", "": ""} {
		if got := exitText(code); got != want {
			t.Errorf("exit code %q: %q; wanted %q", code, got, want)
		}
	}
}

func TestParseStat(t *testing.T) {
	line := "4242 (a ) b) S 17 4242 4242 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 1000 1 18446744073709551615"
	if got, err := parseStat(line); err != nil || got.parent != 17 || got.ticks != 98765 {
		t.Errorf("read %+v, %v", got, err)
	}
	for _, bad := range []string{"", "1 (x", "1 (x) S 1"} {
		if got, err := parseStat(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, got)
		}
	}
	at, err := startedAt(os.Getpid())
	if now := timeline.Now(); err != nil || at > now || now-at > int64(10*time.Minute) {
		t.Errorf("this process started at %d, %v; it is %d now", at, err, now)
	}
}

func TestProcessEnd(t *testing.T) {
	cmd := exec.Command("sleep", "0.2")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := openProcess(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	exited := make(chan time.Time, 1)
	go func() { _ = cmd.Wait(); exited <- time.Now() }()
	if err := p.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if late := time.Since(<-exited); late > 100*time.Millisecond {
		t.Errorf("the end was seen %s late", late)
	}
	if _, err := openProcess(1 << 30); err == nil {
		t.Error("a process that there is not was opened")
	}
}

func TestNotifyFolder(t *testing.T) {
	dir := t.TempDir()
	in, err := watchFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	for _, name := range []string{"other", "state"} {
		if err := errors.Join(os.WriteFile(dir+"/"+name+".new", []byte("MASTER 1790000000.5\n"), 0o600), os.Rename(dir+"/"+name+".new", dir+"/"+name)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for len(got) < 2 {
		b := make([]byte, 4096)
		n, err := in.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, movedNames(b[:n])...)
	}
	if !slices.Equal(got, []string{"other", "state"}) {
		t.Errorf("moved were %q", got)
	}
}

func TestNotified(t *testing.T) {
	line := &timeline.Timeline{}
	w := &Watch{sink: line}
	p := place{name: "r1-gw", gateway: &plan.Gateway{Name: "gw"}}
	last := w.notified(p, "", "MASTER 1.5\n", "state")
	last = w.notified(p, last, "MASTER 1.5\n", "")
	last = w.notified(p, last, "", "")
	_ = w.notified(p, last, "FAULT 2.5\n", "")
	var got []string
	for _, e := range line.Events() {
		got = append(got, fmt.Sprintf("%s %s: %s", e.Subject, e.Kind, e.Text))
	}
	want := "r1 state: gw: MASTER since before the watch\nr1 became-fault: gw: keepalived says FAULT, was MASTER"
	if strings.Join(got, "\n") != want {
		t.Errorf("told was\n%s\nwanted\n%s", strings.Join(got, "\n"), want)
	}
}
