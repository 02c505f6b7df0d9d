package report

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/timeline"
)

// compact is a run in the form of the page's script. Times are microseconds since the earliest time; repeated texts are
// stored once and numbered.
type compact struct {
	Wall    int64          `json:"wall"` // of time 0, milliseconds since 1970
	End     int64          `json:"end"`
	Lanes   []string       `json:"lanes"`
	Words   []string       `json:"words"`
	Events  [][]any        `json:"events"` // [µs since the previous event, lane, subject, kind, text, length, field, value, …]
	Flows   []compactFlow  `json:"flows"`
	Checks  []compactCheck `json:"checks"`
	base    int64
	events  []timeline.Event // of the run's time
	numbers map[string]int
}

// compactFlow is a flow. Its attempts are three lists: Gap is the difference between an attempt's sending and the
// previous sending plus one interval; Took is the time under way, -1 for a lost attempt; Who are runs of [index into
// Names, attempts]: the answering pod, or the reason for a loss.
type compactFlow struct {
	Check    int        `json:"check"` // index into Checks, -1
	Label    string     `json:"label"`
	Detail   string     `json:"detail"`
	Interval int64      `json:"interval"`
	First    int64      `json:"first"`
	Gap      []int64    `json:"gap"`
	Took     []int64    `json:"took"`
	Who      []int      `json:"who"`
	Names    []string   `json:"names"`
	Outages  [][5]int64 `json:"outages"` // start, end, lost, uncertainty, 1 open start + 2 open end
	Stalls   [][2]int64 `json:"stalls"`
	Unknown  []string   `json:"unknown,omitempty"`
}

// compactCheck is the time of a check, and of its fault; -1 for an unknown time.
type compactCheck struct {
	Name    string `json:"name"`
	Verdict string `json:"verdict"`
	From    int64  `json:"from"`
	Until   int64  `json:"until"`
	Fault   int64  `json:"fault"`
}

func compactOf(f *Folder, measures []measure) *compact {
	c := &compact{numbers: map[string]int{}, Words: []string{}, Events: [][]any{}, Flows: []compactFlow{}, Checks: []compactCheck{}}
	for _, l := range timeline.Lanes() {
		c.Lanes = append(c.Lanes, string(l))
	}
	c.setClock(f)
	for _, m := range measures {
		c.Checks = append(c.Checks, c.check(m, c.events))
	}
	c.addEvents(c.events)
	for i, m := range measures {
		for _, s := range m.flows {
			c.Flows = append(c.Flows, c.flow(s, i))
		}
	}
	for _, s := range flowsOf(f, "") {
		c.Flows = append(c.Flows, c.flow(s, -1))
	}
	return c
}

// aroundRun limits events to this distance from the run's own time: a watch reports much older events at its begin.
const aroundRun = int64(10 * time.Second)

// setClock finds the earliest time of the run and its time of the day.
func (c *compact) setClock(f *Folder) {
	var clock record.Clock
	for _, fl := range f.Flows {
		clock = fl.Recording.Start.Clock
		for _, s := range fl.Recording.Start.Flows {
			c.include(s.First, s.First)
		}
		for _, a := range fl.Recording.Attempts { // the plan of a stopped flow is longer than the flow
			c.include(a.Sent, a.Sent)
		}
	}
	if clock.Mono == 0 && len(f.Events) > 0 {
		clock = record.Clock{Mono: f.Events[0].At, Wall: f.Events[0].Wall}
	}
	if f.Run.Duration > 0 && clock.Mono != 0 {
		began := clock.Mono + int64(f.Run.Started.Round(0).Sub(clock.Wall.Round(0)))
		c.include(began, began+int64(f.Run.Duration))
	}
	from, until := c.base-aroundRun, c.End+aroundRun
	for _, e := range f.Events {
		if from < 0 || e.At >= from && e.At <= until {
			c.events = append(c.events, e)
			c.include(e.At, max(e.At, e.Until))
		}
	}
	c.End = (c.End - c.base) / 1000
	c.Wall = f.Run.Started.UnixMilli()
	if clock.Mono != 0 {
		c.Wall = clock.At(c.base).UnixMilli()
	}
}

func (c *compact) include(from, until int64) {
	if c.base == 0 || from < c.base {
		c.base = from
	}
	c.End = max(c.End, until)
}

// at is an instant on the page's clock.
func (c *compact) at(mono int64) int64 { return (mono - c.base) / 1000 }

func (c *compact) word(s string) int {
	n, ok := c.numbers[s]
	if !ok {
		n = len(c.Words)
		c.numbers[s] = n
		c.Words = append(c.Words, s)
	}
	return n
}

func (c *compact) addEvents(events []timeline.Event) {
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b timeline.Event) int { return cmp.Compare(a.At, b.At) })
	before := int64(0)
	for _, e := range sorted {
		at := c.at(e.At)
		row := []any{at - before, c.lane(e.Lane), c.word(e.Subject), c.word(e.Kind), c.word(e.Text), e.Length().Microseconds()}
		before = at
		keys := make([]string, 0, len(e.Fields))
		for k := range e.Fields {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			row = append(row, c.word(k), c.word(e.Fields[k]))
		}
		c.Events = append(c.Events, row)
	}
}

func (c *compact) lane(l timeline.Lane) int {
	if i := slices.Index(c.Lanes, string(l)); i >= 0 {
		return i
	}
	c.Lanes = append(c.Lanes, string(l))
	return len(c.Lanes) - 1
}

// check finds the time of a check: from its events, or from its flows.
func (c *compact) check(m measure, events []timeline.Event) compactCheck {
	out := compactCheck{Name: m.Name, Verdict: string(m.Verdict), From: -1, Until: -1, Fault: -1}
	widen := func(from, until int64) {
		if out.From < 0 || c.at(from) < out.From {
			out.From = c.at(from)
		}
		out.Until = max(out.Until, c.at(until))
	}
	for _, s := range m.flows {
		widen(s.Flow.First, max(s.Flow.First, s.Until))
	}
	for _, e := range events {
		if e.Lane == timeline.LaneCheck && (e.Subject == m.Name || e.Fields["check"] == m.Name) {
			widen(e.At, max(e.At, e.Until))
		}
	}
	if m.Measured != nil && m.Measured.InjectBegin != 0 {
		out.Fault = c.at(m.Measured.InjectBegin)
		widen(m.Measured.InjectBegin, m.Measured.InjectEnd)
	}
	return out
}

func (c *compact) flow(s flowSummary, index int) compactFlow {
	out := compactFlow{Check: index, Label: s.label, Detail: s.detail(), Interval: s.Flow.Interval.Microseconds(),
		Gap: []int64{}, Took: []int64{}, Who: []int{}, Names: []string{}, Outages: [][5]int64{}, Stalls: [][2]int64{}, Unknown: s.Unknown}
	names := map[string]int{}
	before := int64(0)
	for i, a := range s.attempts {
		sent := c.at(a.Sent)
		if i == 0 {
			out.First, before = sent, sent-out.Interval
		}
		out.Gap = append(out.Gap, sent-before-out.Interval)
		before = sent
		took := int64(-1)
		if a.Answered != 0 {
			took = max(0, a.Answered-a.Sent) / 1000
		}
		out.Took = append(out.Took, took)
		who := whoOf(a)
		n, ok := names[who]
		if !ok {
			n = len(out.Names)
			names[who] = n
			out.Names = append(out.Names, who)
		}
		if last := len(out.Who); last > 0 && out.Who[last-2] == n {
			out.Who[last-1]++
		} else {
			out.Who = append(out.Who, n, 1)
		}
	}
	for _, o := range s.Outages {
		out.Outages = append(out.Outages, [5]int64{c.at(o.Start), c.at(o.End), int64(o.Lost), o.Uncertainty.Microseconds(), openness(o)})
	}
	for _, st := range s.Stalls {
		out.Stalls = append(out.Stalls, [2]int64{c.at(st.From), c.at(st.Until)})
	}
	return out
}

func openness(o loss.Outage) int64 {
	var n int64
	if o.OpenStart {
		n++
	}
	if o.OpenEnd {
		n += 2
	}
	return n
}

// whoOf returns the pod that answered an attempt or, after an exclamation mark, the reason for the loss.
func whoOf(a record.Attempt) string {
	switch {
	case a.Answered == 0:
		return "!" + cmp.Or(a.Error, "no answer")
	case a.Answer == nil || a.Answer.Pod == "":
		return "answered"
	case a.Answer.Node == "":
		return a.Answer.Pod
	}
	return a.Answer.Pod + " on " + a.Answer.Node
}

// flowSummary is one flow of a recording with its attempts in the order of sending.
type flowSummary struct {
	loss.Summary
	label, from, to string
	attempts        []record.Attempt
}

func (s flowSummary) detail() string {
	rate := float64(time.Second) / float64(max(1, s.Flow.Interval))
	return string(s.Flow.Proto) + " to " + s.Flow.Target + ", " + strconv.FormatFloat(rate, 'f', -1, 64) + " a second"
}

// flowsOf summarizes the flows of a check, or the flows without a check.
func flowsOf(f *Folder, name string) []flowSummary {
	known := func(of string) bool {
		return slices.ContainsFunc(f.Run.Checks, func(c check.Result) bool { return c.Name == of })
	}
	var all []flowSummary
	for _, fl := range f.Flows {
		if fl.Check != name && (name != "" || known(fl.Check)) {
			continue
		}
		for i, s := range loss.OfRecording(fl.Recording, loss.Options{}) {
			one := flowSummary{Summary: s, from: fl.From, to: fl.To, label: fl.From + " → " + fl.To}
			if len(fl.Recording.Start.Flows) > 1 {
				one.label += " #" + strconv.Itoa(i+1)
			}
			for _, a := range fl.Recording.Of(s.Flow.Flow) {
				if !a.Again {
					one.attempts = append(one.attempts, a)
				}
			}
			slices.SortFunc(one.attempts, func(a, b record.Attempt) int { return cmp.Compare(a.Sent, b.Sent) })
			all = append(all, one)
		}
	}
	return all
}
