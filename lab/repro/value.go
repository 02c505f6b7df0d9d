package repro

import (
	"fmt"
	"math"
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
	never  bool // a time that did not end while it was looked at
	unit   string
}

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

// meets reports whether all of a condition holds. before is what the signal showed before the trigger.
func (v value) meets(c scenario.Condition, before *value) bool {
	length := time.Duration(math.MaxInt64)
	if v.time != nil && !v.never {
		length = *v.time
	}
	same := before != nil && before.String() == v.String()
	switch {
	case c.Is != nil && !slices.Equal(v.texts, texts(slices.Clone(c.Is)...).texts),
		c.Has != "" && !v.contains(c.Has),
		c.Lacks != "" && v.contains(c.Lacks),
		c.Min != nil && v.count() < float64(*c.Min),
		c.Max != nil && v.count() > float64(*c.Max),
		c.Longer != 0 && length <= c.Longer.Std(),
		c.Shorter != 0 && length >= c.Shorter.Std(),
		c.Changed != nil && *c.Changed == same:
		return false
	}
	return true
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

// outcome judges a value by an observation.
func outcome(o scenario.Observation, v value, before *value) Outcome {
	switch {
	case v.meets(o.Right, before):
		return Right
	case o.Wrong == nil || v.meets(*o.Wrong, before):
		return Wrong
	}
	return Unknown
}
