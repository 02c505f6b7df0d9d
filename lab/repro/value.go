package repro

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
)

// value is what a signal shows: texts, a number besides them, or a time.
type value struct {
	texts  []string // sorted
	number *float64 // where it is one; else the number is how many texts there are
	time   *time.Duration
	never  bool // an event that has not come: time has passed so far
	open   bool // a time that has not ended: time is the least
	// unseen is how much longer than time the true time can be; the prober itself stood still for so long.
	unseen time.Duration
	// least marks a number of a recording with gaps: the true number can be larger.
	least bool
	// final marks a value that no later look changes: the recording of a flow that was stopped.
	final bool
	unit  string
}

// answer says whether a value meets a condition.
type answer int

const (
	no    answer = iota
	early        // the value can still become either
	yes
)

func texts(all ...string) value {
	slices.Sort(all)
	return value{texts: slices.Compact(all)}
}

func number(n float64, unit string, all ...string) value {
	v := texts(all...)
	v.number, v.unit = &n, unit
	return v
}

func (v value) String() string {
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
func (v value) count() float64 {
	if v.number != nil {
		return *v.number
	}
	return float64(len(v.texts))
}

// meets reports whether all of a condition holds, or that the answer comes only later. before is the signal's value
// before the trigger.
func (v value) meets(c scenario.Condition, before *value) answer {
	same := before != nil && before.String() == v.String()
	all := []answer{
		truth(c.Is == nil || slices.Equal(v.texts, texts(slices.Clone(c.Is)...).texts)),
		truth(c.Has == "" || v.contains(c.Has)),
		truth(c.Lacks == "" || !v.contains(c.Lacks)),
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

func truth(holds bool) answer {
	if holds {
		return yes
	}
	return no
}

func (v value) atMost(most float64) answer {
	switch {
	case v.count() > most:
		return no
	case v.least:
		return early
	}
	return yes
}

// ends reports whether the time has an end.
func (v value) ends() bool { return v.time != nil && !v.never && !v.open }

func (v value) longer(than time.Duration) answer {
	switch {
	case v.time != nil && *v.time > than:
		return yes
	case v.ends() && *v.time+v.unseen <= than:
		return no
	}
	return early
}

func (v value) shorter(than time.Duration) answer {
	switch {
	case v.time != nil && *v.time >= than:
		return no
	case v.ends() && *v.time+v.unseen < than:
		return yes
	}
	return early
}

func (v value) contains(text string) bool {
	return slices.ContainsFunc(v.texts, func(t string) bool { return strings.Contains(t, text) })
}

// words says a condition.
func words(c scenario.Condition, before *value) string {
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

// outcome judges a value by an observation. A value that can still become right or wrong is unknown, and early.
func outcome(o scenario.Observation, v value, before *value) (_ Outcome, tooEarly bool) {
	switch v.meets(o.Right, before) {
	case yes:
		return Right, false
	case early:
		return Unknown, true
	}
	if o.Wrong == nil {
		return Wrong, false
	}
	switch v.meets(*o.Wrong, before) {
	case yes:
		return Wrong, false
	case early:
		return Unknown, true
	}
	return Unknown, false
}
