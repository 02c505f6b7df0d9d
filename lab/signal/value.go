package signal

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
)

// Value is the reading of a signal: texts, a number besides the texts, or a time.
type Value struct {
	texts  []string // sorted, unless the value is of lines
	number *float64 // nil: the number is the count of the texts
	time   *time.Duration
	never  bool // an event that has not come: time has passed so far
	open   bool // a time that has not ended: time is the least
	// unseen is the prober's own standstill: the true time can be longer than time by as much.
	unseen time.Duration
	// least marks a number of a recording with gaps: the true number can be larger.
	least bool
	// final marks a value that no later look changes: the recording of a flow that was stopped.
	final bool
	unit  string
}

// Answer says whether a value meets a condition.
type Answer int

// The answers, the least first.
const (
	No    Answer = iota
	Early        // the value can still become either
	Yes
)

// Texts is a value of texts; order and repetition do not matter.
func Texts(all ...string) Value {
	slices.Sort(all)
	return Value{texts: slices.Compact(all)}
}

// Lines is a value of texts that are shown in their own order. To conditions, order and repetition do not matter.
func Lines(all ...string) Value { return Value{texts: all} }

// sorted is the value for conditions.
func (v Value) sorted() Value {
	v.texts = Texts(slices.Clone(v.texts)...).texts
	return v
}

// Number is a number with a unit, and texts about the rest.
func Number(n float64, unit string, all ...string) Value {
	v := Texts(all...)
	v.number, v.unit = &n, unit
	return v
}

// Took is a time between two events that came.
func Took(d time.Duration) Value { return Value{time: &d, final: true} }

// NotYet is a time that passed so far without the event.
func NotYet(d time.Duration) Value { return Value{time: &d, never: true} }

// AtLeast is the time of an outage without an end, in a recording that ended.
func AtLeast(d time.Duration) Value { return Value{time: &d, open: true, final: true} }

// Final reports whether no later look changes the value.
func (v Value) Final() bool { return v.final }

func (v Value) String() string {
	list := strings.Join(v.texts, ", ")
	switch {
	case v.never:
		return fmt.Sprintf("not within %s", v.time.Round(time.Millisecond))
	case v.time != nil && v.open:
		return fmt.Sprintf("at least %s, without an end", v.time.Round(time.Millisecond))
	case v.time != nil && v.unseen > 0:
		return fmt.Sprintf("%s, or up to %s longer", v.time.Round(time.Millisecond), v.unseen.Round(time.Millisecond))
	case v.time != nil:
		return v.time.Round(time.Millisecond).String()
	case v.number != nil && list != "":
		return fmt.Sprintf("%g%s (%s)", *v.number, v.unit, list)
	case v.number != nil:
		return fmt.Sprintf("%g%s", *v.number, v.unit)
	case list == "":
		return "nothing"
	}
	return list
}

// count is the number that min and max are about.
func (v Value) count() float64 {
	if v.number != nil {
		return *v.number
	}
	return float64(len(v.texts))
}

// Meets reports whether all of a condition holds, or that the answer comes only later. before is the signal's value
// before the trigger.
func (v Value) Meets(c scenario.Condition, before *Value) Answer {
	v = v.sorted()
	same := before != nil && before.sorted().String() == v.String()
	all := []Answer{
		truth(c.Is == nil || slices.Equal(v.texts, Texts(slices.Clone(c.Is)...).texts)),
		truth(c.Has == "" || v.contains(c.Has)),
		truth(c.Lacks == "" || !v.contains(c.Lacks)),
		truth(c.Matches == "" || slices.ContainsFunc(v.texts, regexp.MustCompile(c.Matches).MatchString)),
		truth(c.Min == nil || v.count() >= float64(*c.Min)),
		truth(c.Changed == nil || *c.Changed != same),
		truth(c.Never == nil || *c.Never == v.never),
	}
	if c.Max != nil {
		all = append(all, v.atMost(float64(*c.Max)))
	}
	if c.Longer != 0 {
		all = append(all, v.longer(c.Longer.Std()))
	}
	if c.Shorter != 0 {
		all = append(all, v.shorter(c.Shorter.Std()))
	}
	return slices.Min(all)
}

func truth(holds bool) Answer {
	if holds {
		return Yes
	}
	return No
}

func (v Value) atMost(most float64) Answer {
	switch {
	case v.count() > most:
		return No
	case v.least:
		return Early
	}
	return Yes
}

// ends reports whether the time has an end.
func (v Value) ends() bool { return v.time != nil && !v.never && !v.open }

func (v Value) longer(than time.Duration) Answer {
	switch {
	case v.time != nil && *v.time > than:
		return Yes
	case v.ends() && *v.time+v.unseen <= than:
		return No
	}
	return Early
}

func (v Value) shorter(than time.Duration) Answer {
	switch {
	case v.time != nil && *v.time >= than:
		return No
	case v.ends() && *v.time+v.unseen < than:
		return Yes
	}
	return Early
}

func (v Value) contains(text string) bool {
	return slices.ContainsFunc(v.texts, func(t string) bool { return strings.Contains(t, text) })
}

// Words says a condition.
func Words(c scenario.Condition, before *Value) string {
	var all []string
	add := func(set bool, format string, args ...any) {
		if set {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	add(c.Is != nil && len(c.Is) == 0, "nothing")
	add(len(c.Is) > 0, "%s", strings.Join(c.Is, ", "))
	add(c.Has != "", "with %q", c.Has)
	add(c.Lacks != "", "without %q", c.Lacks)
	add(c.Matches != "", "matching %q", c.Matches)
	if c.Min != nil && c.Max != nil && *c.Min == *c.Max {
		add(true, "%d", *c.Min)
	} else {
		add(c.Min != nil, "at least %d", deref(c.Min))
		add(c.Max != nil, "at most %d", deref(c.Max))
	}
	add(c.Longer != 0, "longer than %s", c.Longer)
	add(c.Shorter != 0, "shorter than %s", c.Shorter)
	add(c.Changed != nil && *c.Changed, "other than before")
	add(c.Never != nil && *c.Never, "never")
	add(c.Never != nil && !*c.Never, "at some time")
	if c.Changed != nil && !*c.Changed {
		add(before == nil, "as before")
		add(before != nil, "as before: %s", before)
	}
	return strings.Join(all, ", ")
}

func deref(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}
