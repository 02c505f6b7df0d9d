// Package hubble reads the flows of Cilium's Hubble: packets with verdict, source and destination.
package hubble

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"
)

// Flow is one event seen by an agent: a packet at one place on the packet's way.
type Flow struct {
	Time     time.Time
	Node     string // the agent's
	Verdict  string // FORWARDED, DROPPED …
	Reason   string // the reason for a drop: POLICY_DENIED
	Protocol string // TCP or UDP
	// Source and Destination are the packet's addresses at this place. A port is 0 if Hubble reports no port.
	Source, Destination netip.AddrPort
	Pod                 string // the destination's pod: namespace/name; empty if Cilium knows no pod at the destination
	Reply               bool
}

// line is a line of `hubble observe -o jsonpb`: api/v1/observer/observer.proto and api/v1/flow/flow.proto in Cilium's
// repository.
type line struct {
	Flow *struct {
		Time    time.Time `json:"time"`
		Verdict string    `json:"verdict"`
		Reason  string    `json:"drop_reason_desc"`
		Node    string    `json:"node_name"`
		IP      struct {
			Source      string `json:"source"`
			Destination string `json:"destination"`
		} `json:"IP"`
		L4          map[string]ports `json:"l4"`
		Destination struct {
			Namespace string `json:"namespace"`
			Pod       string `json:"pod_name"`
		} `json:"destination"`
		Reply bool `json:"is_reply"`
	} `json:"flow"`
}

type ports struct {
	Source      uint16 `json:"source_port"`
	Destination uint16 `json:"destination_port"`
}

// Parse reads the lines of `hubble observe -o jsonpb`, in order. Parse skips lines without a flow between two
// addresses, for example the event of a new node.
func Parse(out []byte) ([]Flow, error) {
	var flows []Flow
	for _, raw := range bytes.Split(out, []byte("\n")) {
		if len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		var l line
		if err := json.Unmarshal(raw, &l); err != nil {
			return nil, fmt.Errorf("flows of Hubble: line %.80q: %w", raw, err)
		}
		if f, ok := l.read(); ok {
			flows = append(flows, f)
		}
	}
	return flows, nil
}

func (l line) read() (Flow, bool) {
	if l.Flow == nil {
		return Flow{}, false
	}
	from, err1 := netip.ParseAddr(l.Flow.IP.Source)
	to, err2 := netip.ParseAddr(l.Flow.IP.Destination)
	if err1 != nil || err2 != nil {
		return Flow{}, false
	}
	f := Flow{Time: l.Flow.Time, Node: l.Flow.Node, Verdict: l.Flow.Verdict, Reason: l.Flow.Reason, Reply: l.Flow.Reply}
	var p ports
	for name, both := range l.Flow.L4 {
		f.Protocol, p = name, both
	}
	f.Source, f.Destination = netip.AddrPortFrom(from, p.Source), netip.AddrPortFrom(to, p.Destination)
	if l.Flow.Destination.Pod != "" {
		f.Pod = l.Flow.Destination.Namespace + "/" + l.Flow.Destination.Pod
	}
	return f, true
}

// String returns "FORWARDED TCP 192.0.2.201:4711 → 10.244.1.5:8080 (default/echo-x) seen on worker".
func (f Flow) String() string {
	text := fmt.Sprintf("%s %s %s → %s", f.Verdict, f.Protocol, f.Source, f.Destination)
	if f.Pod != "" {
		text += " (" + f.Pod + ")"
	}
	if f.Reason != "" {
		text += " " + f.Reason
	}
	return text + " seen on " + f.Node
}
