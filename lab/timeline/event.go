// Package timeline is the leaf that holds a lab's events, from every source, on one clock: the host's
// CLOCK_MONOTONIC. Network namespaces and containers share this clock, and no program can set the clock.
package timeline

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Lane names the part of a lab that an event belongs to. A report draws a row for each lane.
type Lane string

// The lanes.
const (
	LaneCheck     Lane = "check"     // a scenario's promises: begin and end of a check
	LaneFault     Lane = "fault"     // faults: when they begin, are in force and are undone
	LaneProbe     Lane = "probe"     // flows of packets: their windows and outages
	LaneBGP       Lane = "bgp"       // sessions and routes, as reported by BGP speakers
	LaneFIB       Lane = "fib"       // the kernel's routes, on routers and nodes
	LaneVRRP      Lane = "vrrp"      // states, and guarded addresses that appear and disappear
	LaneLease     Lane = "lease"     // the holder of a Kubernetes Lease
	LaneEndpoints Lane = "endpoints" // Services and their endpoints
	LanePod       Lane = "pod"       // Pods
	LaneNode      Lane = "node"      // containers, links and Kubernetes Nodes
	LaneARP       Lane = "arp"       // ARP on the lab's bridges
	LaneAgent     Lane = "agent"     // daemons that die or start, and gaps in the watching itself
)

// Lanes returns all lanes, in the order of a report's rows.
func Lanes() []Lane {
	return []Lane{LaneCheck, LaneFault, LaneProbe, LaneBGP, LaneFIB, LaneVRRP, LaneLease, LaneEndpoints, LanePod, LaneNode, LaneARP, LaneAgent}
}

// ParseLane reads a lane's name. The error names all lanes.
func ParseLane(name string) (Lane, error) {
	if l := Lane(name); slices.Contains(Lanes(), l) {
		return l, nil
	}
	var names []string
	for _, l := range Lanes() {
		names = append(names, string(l))
	}
	return "", fmt.Errorf("lane %q: there is none of that name; wanted is one of %s", name, strings.Join(names, ", "))
}

// Event is an event at one moment or over a span.
type Event struct {
	// At is the time in nanoseconds of the host's CLOCK_MONOTONIC: compare At only with At of other events.
	At int64 `json:"at"`
	// Wall is At by the host's wall clock, for people and log files. The wall clock may have been set meanwhile.
	Wall    time.Time `json:"wall"`
	Lane    Lane      `json:"lane"`
	Subject string    `json:"subject"` // the affected thing: r1, gw, default/echo
	Kind    string    `json:"kind"`    // the kind of event: announce, session-down, became-master
	Text    string    `json:"text"`    // one line for people, without the subject
	// Until is the end, as At; 0 means a single moment.
	Until int64 `json:"until,omitempty"`
	// Fields are the details, for programs and for a report's hover.
	Fields map[string]string `json:"fields,omitempty"`
}

// New returns an event of this moment. fields may be nil.
func New(lane Lane, subject, kind, text string, fields map[string]string) Event {
	at, wall := Stamp()
	return Event{At: at, Wall: wall, Lane: lane, Subject: subject, Kind: kind, Text: text, Fields: fields}
}

// Length returns the event's duration; 0 for a single moment.
func (e Event) Length() time.Duration {
	if e.Until <= e.At {
		return 0
	}
	return time.Duration(e.Until - e.At)
}

// Sink takes events, from many goroutines at once. Add must not block for long, because the caller is
// measuring.
type Sink interface{ Add(Event) }

// SinkFunc adapts a function to a Sink. The function must be safe for many goroutines.
type SinkFunc func(Event)

// Add calls the function.
func (f SinkFunc) Add(e Event) { f(e) }
