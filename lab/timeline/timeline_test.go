package timeline_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/timeline"
)

var update = flag.Bool("update", false, "write the golden files anew")

const ms = int64(time.Millisecond)

// failover is a router's end, its events in no order.
func failover() *timeline.Timeline {
	base, wall := int64(5_000_000_000_000), time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	at := func(offset int64, lane timeline.Lane, subject, kind, text string) timeline.Event {
		return timeline.Event{At: base + offset, Wall: wall.Add(time.Duration(offset)), Lane: lane, Subject: subject, Kind: kind, Text: text}
	}
	outage := at(3*ms, timeline.LaneProbe, "client", "outage", "198.51.100.1:80 does not answer")
	outage.Until = base + 334*ms
	inject := at(0, timeline.LaneFault, "r1", "inject", "kill r1")
	inject.Fields = map[string]string{"fault": "kill"}
	return timeline.Of(
		at(331*ms, timeline.LaneARP, "edge", "gratuitous", "192.0.2.250 (gw) announces itself\nat 02:42:c0:00:02:03 (r2)"),
		at(330*ms+421_000, timeline.LaneVRRP, "r2", "became-master", "keepalived says MASTER, was BACKUP"),
		at(-120*ms, timeline.LaneBGP, "r1", "watching", "4 sessions with 12 routes are there"),
		outage,
		inject,
		at(2*ms, timeline.LaneNode, "r1", "container-die", "container ended, killed (SIGKILL)"),
		at(2*ms, timeline.LaneBGP, "r2", "session-down", "session with r1 ended"),
		at(2*ms, timeline.LaneBGP, "r2", "withdraw", "203.0.113.50/32 no longer from r1"),
	)
}

func TestText(t *testing.T) {
	var got bytes.Buffer
	if err := failover().Text(&got); err != nil {
		t.Fatal(err)
	}
	golden(t, "failover.txt", got.Bytes())
}

func TestJSONL(t *testing.T) {
	var got bytes.Buffer
	if err := failover().WriteJSONL(&got); err != nil {
		t.Fatal(err)
	}
	golden(t, "failover.jsonl", got.Bytes())
	back, err := timeline.ReadJSONL(&got)
	if err != nil {
		t.Fatal(err)
	}
	if want := failover().Events(); !reflect.DeepEqual(back.Events(), want) {
		t.Errorf("read   %+v\nwanted %+v", back.Events(), want)
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant %s (-update writes it anew)\n%s", got, path, want)
	}
}

func TestReadJSONLRefuses(t *testing.T) {
	good := `{"at":1,"wall":"2026-11-20T10:00:00Z","lane":"bgp","subject":"r1","kind":"announce","text":"x"}` + "\n"
	tests := []struct {
		name, in, want string
		truncated      bool
		events         int
	}{
		{name: "nothing", in: ""},
		{name: "blank lines", in: "\n" + good + "\n\n", events: 1},
		{name: "no line break at the end", in: strings.TrimSpace(good), events: 1},
		{name: "cut off", in: good + good[:40], want: "line 2", truncated: true, events: 1},
		{name: "not JSON", in: good + "hello\n" + good, want: "line 2 is no event", events: 1},
		{name: "something else", in: "{}\n", want: `"at" and "lane" are wanted`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := timeline.ReadJSONL(strings.NewReader(tt.in))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v; wanted %q in it", err, tt.want)
			}
			if errors.Is(err, timeline.ErrTruncated) != tt.truncated {
				t.Errorf("error %v; truncated is %v", err, tt.truncated)
			}
			if got.Len() != tt.events {
				t.Errorf("%d events; wanted %d", got.Len(), tt.events)
			}
		})
	}
}

func TestFilter(t *testing.T) {
	all := failover()
	zero := all.Events()[1].At
	tests := []struct {
		name   string
		filter timeline.Filter
		want   int
	}{
		{"all", timeline.Filter{}, 8},
		{"a lane", timeline.Filter{Lanes: []timeline.Lane{timeline.LaneBGP}}, 3},
		{"a subject", timeline.Filter{Subjects: []string{"r2"}}, 3},
		{"lane and kind", timeline.Filter{Lanes: []timeline.Lane{timeline.LaneBGP}, Kinds: []string{"withdraw"}}, 1},
		{"a field", timeline.Filter{Fields: map[string]string{"fault": "kill"}}, 1},
		{"a field that is empty is not one that is missing", timeline.Filter{Fields: map[string]string{"seen": ""}}, 0},
		{"from, and a span that reaches into it", timeline.Filter{From: zero + 331*ms}, 2},
		{"to", timeline.Filter{To: zero}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := all.Select(tt.filter).Len(); got != tt.want {
				t.Errorf("%d events; wanted %d", got, tt.want)
			}
		})
	}
	if e, ok := all.First(timeline.Filter{Subjects: []string{"r2"}}); !ok || e.Kind != "session-down" {
		t.Errorf("the first of r2 is %+v", e)
	}
}

func TestAwait(t *testing.T) {
	line := failover()
	if e, err := line.Await(t.Context(), timeline.Filter{Kinds: []string{"inject"}}); err != nil || e.Subject != "r1" {
		t.Errorf("one that is there: %+v, %v", e, err)
	}
	go line.Add(timeline.New(timeline.LaneLease, "default/echo", "lease-taken", "taken by worker2", nil))
	if _, err := line.Await(t.Context(), timeline.Filter{Kinds: []string{"lease-taken"}}); err != nil {
		t.Errorf("one that comes: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := line.Await(ctx, timeline.Filter{Lanes: []timeline.Lane{timeline.LaneBGP}, Kinds: []string{"session-up"}})
	if err == nil || !strings.Contains(err.Error(), "withdraw") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one that does not come: %v; wanted is the last of its lane in it", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	line := &timeline.Timeline{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				line.Add(timeline.New(timeline.LaneBGP, "r1", "announce", "", nil))
				line.Len()
			}
			line.Events()
		})
	}
	all.Wait()
	events := line.Events()
	if len(events) != 4000 {
		t.Fatalf("%d events; wanted 4000", len(events))
	}
	for i := 1; i < len(events); i++ {
		if events[i].At < events[i-1].At {
			t.Fatalf("event %d is before the one before it", i)
		}
	}
	merged := &timeline.Timeline{}
	merged.Merge(line, failover())
	if merged.Len() != 4008 {
		t.Errorf("merged are %d events", merged.Len())
	}
}

func TestClocks(t *testing.T) {
	at, wall := timeline.Stamp()
	if d := timeline.AtWall(wall) - at; d < -ms || d > ms {
		t.Errorf("a wall-clock time is off by %s on the monotonic clock", time.Duration(d))
	}
	if d := timeline.WallAt(at).Sub(wall.Round(0)); d < -time.Millisecond || d > time.Millisecond {
		t.Errorf("and by %s back", d)
	}
	if now := timeline.Now(); now < at {
		t.Errorf("the clock went from %d to %d", at, now)
	}
}

func TestParseLane(t *testing.T) {
	for _, l := range timeline.Lanes() {
		if got, err := timeline.ParseLane(string(l)); err != nil || got != l {
			t.Errorf("lane %s was read as %q, %v", l, got, err)
		}
	}
	if _, err := timeline.ParseLane("bpg"); err == nil || !strings.Contains(err.Error(), "bgp") {
		t.Errorf("a lane that there is not: %v", err)
	}
}
