package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/live"
)

// measure is a check in the form of the page.
type measure struct {
	check.Result
	Number   int
	ID       string
	Captures []captureLink // hides the Result's captures, paths on the machine of the test
	flows    []flowSummary
	lab      string
}

type captureLink struct{ Name, Href, Size string }

func measureOf(f *Folder, c check.Result, link func(*Folder, Capture) string) measure {
	m := measure{Result: c, flows: flowsOf(f, c.Name)}
	if f.Plan != nil {
		m.lab = f.Plan.Lab
	}
	for _, kept := range f.Captures {
		if kept.Check == slug(c.Name) {
			m.Captures = append(m.Captures, captureLink{Name: strings.TrimSuffix(kept.Path[strings.LastIndex(kept.Path, "/")+1:], ".pcapng"),
				Href: link(f, kept), Size: size(kept.Size)})
		}
	}
	return m
}

// Shown reports whether the timeline has anything of this check.
func (m measure) Shown() bool {
	return len(m.flows) > 0 || m.Measured != nil && m.Measured.InjectBegin != 0
}

// Outage is the measured outage.
func (m measure) Outage() time.Duration {
	if m.Measured != nil {
		return m.Measured.Outage
	}
	var worst time.Duration
	for _, s := range m.flows {
		var sum time.Duration
		for _, o := range s.Outages {
			sum += o.Length()
		}
		worst = max(worst, sum)
	}
	return worst
}

// Uncertainty bounds Outage's error.
func (m measure) Uncertainty() time.Duration {
	if m.Measured != nil {
		return m.Measured.Uncertainty
	}
	return 0
}

// Sent counts all flows' attempts.
func (m measure) Sent() int {
	if m.Measured != nil {
		return m.Measured.Sent
	}
	n := 0
	for _, s := range m.flows {
		n += s.Sent
	}
	return n
}

// Lost counts all flows' attempts without an answer.
func (m measure) Lost() int {
	if m.Measured != nil {
		return m.Measured.Lost
	}
	n := 0
	for _, s := range m.flows {
		n += s.Lost
	}
	return n
}

// Scale is the length of the bar's axis: a little more than the longest time on the axis.
func (m measure) Scale() time.Duration {
	longest := m.Outage()
	if m.Bound != nil {
		longest = max(longest, m.Bound.Max)
	}
	if m.Measured != nil {
		longest = max(longest, m.Measured.Limit)
	}
	return max(longest*9/8, time.Millisecond)
}

// Window is the bound's length.
func (m measure) Window() time.Duration { return m.Bound.Max - m.Bound.Min }

// Limits describes the bar's marks other than the outage.
func (m measure) Limits() string {
	var parts []string
	if m.Bound != nil {
		parts = append(parts, "bound "+window(m.Bound))
	}
	if m.Measured != nil && m.Measured.Limit > 0 {
		parts = append(parts, "limit "+milliseconds(m.Measured.Limit))
	}
	return strings.Join(parts, ", ")
}

// side is the carriers of packets, and the answering pods, before or after a fault.
type side struct {
	Router   string
	Nodes    string // the router's next hops
	Answered string // the pods' nodes, by the scenario's names
	Pods     string
}

// Before is the carriers and answering pods before the fault.
func (m measure) Before() side {
	return sideOf(m.Measured, func(m *check.Measured) live.Carrier { return m.Before }, m.Flows, m.lab, func(f check.FlowRow) []string { return f.Before })
}

// After is the carriers and answering pods after the fault.
func (m measure) After() side {
	return sideOf(m.Measured, func(m *check.Measured) live.Carrier { return m.After }, m.Flows, m.lab, func(f check.FlowRow) []string { return f.After })
}

func sideOf(m *check.Measured, carrier func(*check.Measured) live.Carrier, flows []check.FlowRow, lab string, by func(check.FlowRow) []string) side {
	var s side
	if m != nil {
		c := carrier(m)
		s.Router, s.Nodes = c.Router, strings.Join(c.Nodes, ", ")
		if c.Error != "" {
			s.Router, s.Nodes = "unknown", c.Error
		}
	}
	var pods, nodes []string
	for _, f := range flows {
		for _, who := range by(f) {
			if !slices.Contains(pods, who) {
				pods = append(pods, who)
			}
			if node := onNode(who, lab); !slices.Contains(nodes, node) {
				nodes = append(nodes, node)
			}
		}
	}
	slices.Sort(nodes)
	s.Answered, s.Pods = strings.Join(nodes, ", "), strings.Join(pods, ", ")
	return s
}

// Plain reports whether the figures contain the whole observation of the check.
func (m measure) Plain() bool { return m.Verdict == check.Held && m.Measured != nil }

// onNode returns the node in "echo-5597db66dc-m29p9 on skidpad-l-worker", by its name in lab l's scenario, or who for a
// text without this form.
func onNode(who, lab string) string {
	_, node, ok := strings.Cut(who, " on ")
	if !ok {
		return who
	}
	return strings.TrimPrefix(node, "skidpad-"+lab+"-")
}

// size formats a number of bytes: 12 kB, 1.2 MB.
func size(bytes int64) string {
	if bytes < 1e6 {
		return fmt.Sprintf("%d kB", (bytes+999)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}
