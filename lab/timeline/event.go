// Package timeline is the leaf that holds what happened in a lab, from every source, on one clock: the host's
// CLOCK_MONOTONIC, which network namespaces and containers share and which nobody sets.
package timeline

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Lane says which part of a lab an event is about. A report draws a row for each.
type Lane string

// The lanes.
const (
	LaneCheck     Lane = "check"     // what a scenario promises: a check's begin and end
	LaneFault     Lane = "fault"     // disturbances: their begin, being in force and undoing
	LaneProbe     Lane = "probe"     // flows of packets: their windows and outages
	LaneBGP       Lane = "bgp"       // sessions and routes, as BGP speakers tell
	LaneFIB       Lane = "fib"       // the kernel's routes, on routers and nodes
	LaneVRRP      Lane = "vrrp"      // states, and guarded addresses that come and go
	LaneLease     Lane = "lease"     // who holds a Kubernetes Lease
	LaneEndpoints Lane = "endpoints" // Services and their endpoints
	LanePod       Lane = "pod"       // Pods
	LaneNode      Lane = "node"      // containers, links and Kubernetes Nodes
	LaneARP       Lane = "arp"       // ARP on the lab's bridges
	LaneAgent     Lane = "agent"     // daemons that die or start, and what the watching itself missed
)

// Lanes returns all lanes, in the order in which a report draws them.
func Lanes() []Lane {
	return []Lane{LaneCheck, LaneFault, LaneProbe, LaneBGP, LaneFIB, LaneVRRP, LaneLease, LaneEndpoints, LanePod, LaneNode, LaneARP, LaneAgent}
}

// ParseLane reads a lane's name. The error names all of them.
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

// Event is something that happened, at one moment or over a span.
type Event struct {
	// At is when, in nanoseconds of the host's CLOCK_MONOTONIC: compare with At of other events only.
	At int64 `json:"at"`
	// Wall is At by the host's wall clock, which may have been set meanwhile: for people and log files.
	Wall    time.Time `json:"wall"`
	Lane    Lane      `json:"lane"`
	Subject string    `json:"subject"` // what it happened to: r1, gw, default/echo
	Kind    string    `json:"kind"`    // what happened: announce, session-down, became-master
	Text    string    `json:"text"`    // one line for people, without the subject
	// Until is when it ended, as At; 0 is a single moment.
	Until int64 `json:"until,omitempty"`
	// Fields are the details, for programs and for a report's hover.
	Fields map[string]string `json:"fields,omitempty"`
}

// New returns an event of this moment. fields may be nil.
func New(lane Lane, subject, kind, text string, fields map[string]string) Event {
	at, wall := Stamp()
	return Event{At: at, Wall: wall, Lane: lane, Subject: subject, Kind: kind, Text: text, Fields: fields}
}

// Length is how long it lasted; 0 for a single moment.
func (e Event) Length() time.Duration {
	if e.Until <= e.At {
		return 0
	}
	return time.Duration(e.Until - e.At)
}

// Sink takes events, from many goroutines at once. Add does not block for long: who calls it is measuring.
type Sink interface{ Add(Event) }

// SinkFunc is a function as a Sink. It must be safe for many goroutines.
type SinkFunc func(Event)

// Add calls the function.
func (f SinkFunc) Add(e Event) { f(e) }

// Tee gives every event to each of the sinks.
func Tee(sinks ...Sink) Sink {
	return SinkFunc(func(e Event) {
		for _, s := range sinks {
			s.Add(e)
		}
	})
}
