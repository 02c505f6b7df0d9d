package signal

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// Elapsed shows the time between two events: from the first match after the begin of the trigger to the first match after
// that event.
type Elapsed struct {
	withoutDefaults
	From *Moment `json:"from,omitempty"` // default: the begin of the trigger
	To   Moment  `json:"to"`
}

// Moment matches an event of the timeline. An empty field matches everything.
type Moment struct {
	Lane    string `json:"lane"`
	Subject string `json:"subject,omitempty"` // as skidpad watch shows it: r1, default/echo
	Kind    string `json:"kind,omitempty"`    // announce, endpoint-terminating …
	Text    string `json:"text,omitempty"`    // a part of the event's text or of a field
}

// JudgedBy is an event.
func (*Elapsed) JudgedBy() scenario.Judgement { return scenario.ByEvent }

// Validate checks the lanes and the names in the texts.
func (s *Elapsed) Validate(v *scenario.Validation, path string) {
	if s.From != nil {
		s.From.validate(v, path+".from")
	}
	s.To.validate(v, path+".to")
}

func (m Moment) validate(v *scenario.Validation, path string) {
	if _, err := timeline.ParseLane(m.Lane); err != nil {
		v.Add(path+".lane", "seen %q, want %s", m.Lane, strings.TrimPrefix(err.Error(), fmt.Sprintf("lane %q: there is none of that name; wanted is ", m.Lane)))
	}
	switch timeline.Lane(m.Lane) {
	case timeline.LaneBGP, timeline.LaneFIB, timeline.LaneVRRP:
		if m.Subject != "" {
			v.Known(path+".subject", m.Subject, "node", v.Containers())
		}
	}
	v.Text(path+".text", m.Text)
}

// Read finds both events among those of the timeline.
func (s *Elapsed) Read(ctx context.Context, r *Run) (Value, error) {
	to, err := r.Fill(ctx, s.To.Text)
	if err != nil {
		return Value{}, err
	}
	from := r.Began
	if s.From != nil {
		text, err := r.Fill(ctx, s.From.Text)
		if err != nil {
			return Value{}, err
		}
		first, ok := r.find(*s.From, text, r.Began)
		if !ok {
			return Value{}, fmt.Errorf("the timeline has no event %s %s %q since the trigger, from which to count", s.From.Lane, s.From.Kind, text)
		}
		from = first.At
	}
	now := r.Lab.Now() // before the look: an event that comes meanwhile is none that did not come
	last, ok := r.find(s.To, to, from)
	if ok {
		return Took(time.Duration(last.At - from)), nil
	}
	if missing := deaf(r.Events.Events(), s.To); missing != "" {
		return Value{}, fmt.Errorf("that the timeline has no event %s %s %q proves nothing: %s", s.To.Lane, s.To.Kind, to, missing)
	}
	return NotYet(time.Duration(now - from)), nil
}

// hears lists the sources of a lane's events, as package watch names the sources.
var hears = map[timeline.Lane][]string{
	timeline.LaneBGP: {"bgp", "connections"}, timeline.LaneFIB: {"kernel"}, timeline.LaneVRRP: {"vrrp"}, timeline.LaneARP: {"arp", "ndp"},
	timeline.LaneLease: {"kubernetes"}, timeline.LaneEndpoints: {"kubernetes"}, timeline.LanePod: {"kubernetes"},
}

// deaf returns the text of the event that reports the loss of a source from which the moment would be heard; "" when all listen.
func deaf(all []timeline.Event, m Moment) string {
	lost := map[string]string{} // the texts, by source
	for _, e := range all {
		switch {
		case e.Lane != timeline.LaneAgent:
		case e.Kind == "source-missing":
			lost[e.Subject] = e.Subject + ": " + e.Text
		case e.Kind == "source-back":
			delete(lost, e.Subject)
		}
	}
	for _, source := range slices.Sorted(maps.Keys(lost)) {
		kind, of, _ := strings.Cut(source, " ")
		ofAnother := (kind == "bgp" || kind == "connections" || kind == "kernel") && m.Subject != "" && of != m.Subject
		if kind == "watch" || slices.Contains(hears[timeline.Lane(m.Lane)], kind) && !ofAnother {
			return lost[source]
		}
	}
	return ""
}

// find returns the first event since an instant that matches the moment.
func (r *Run) find(m Moment, text string, since int64) (timeline.Event, bool) {
	f := timeline.Filter{Lanes: []timeline.Lane{timeline.Lane(m.Lane)}, From: since}
	if m.Subject != "" {
		f.Subjects = []string{m.Subject}
	}
	if m.Kind != "" {
		f.Kinds = []string{m.Kind}
	}
	for _, e := range r.Events.Select(f).Events() {
		if e.At >= since && mentions(e, text) {
			return e, true
		}
	}
	return timeline.Event{}, false
}

func mentions(e timeline.Event, text string) bool {
	if strings.Contains(e.Text, text) {
		return true
	}
	for _, v := range e.Fields {
		if strings.Contains(v, text) {
			return true
		}
	}
	return false
}
