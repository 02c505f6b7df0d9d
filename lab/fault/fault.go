// Package fault disturbs a lab: nodes, links, protocols, BGP sessions, the cluster. Each fault is data with an undo. The
// injector first writes the fault down in the lab's folder. Any later process can therefore list and undo the fault. A fault
// acts in the lab's namespaces or through the lab's API server only.
//
// A member is one file: the type with the fields of scenario files and the command line, the validation, the words, the
// action, and the bound of the outage.
package fault

import (
	"fmt"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Fault is a pointer to a member's fields. The first field has the member's name and holds the target.
type Fault interface {
	scenario.Fields
	// String describes the fault in a few words.
	fmt.Stringer
	// About describes the member.
	About() About
	// action returns the action that makes and undoes the fault.
	action(s spot) action
}

// About describes a member.
type About struct {
	What     string // in a few words
	Requires string // kernel options, if only some hosts can make the fault
	// Unbounded is the reason why no configured timer bounds the outage of a flow; empty for a Bounder.
	Unbounded string
	// Driven marks a fault with a process that drives the fault while the fault is in force.
	Driven bool
	// API marks a fault that needs the cluster's API alone.
	API bool
	// Whole marks a fault of a whole container. Such faults are undone first.
	Whole bool
}

// spot is one fault in one lab.
type spot struct {
	in *Injector
	at place
	id string
	of Fault
}

// member is the pointer to a member's fields.
type member[T any] interface {
	*T
	Fault
}

// Member returns the member of the kind for the list of all members.
func Member[T any, P member[T]]() scenario.Member {
	return scenario.Member{Name: NameOf(P(new(T))), New: func() scenario.Fields { return P(new(T)) }}
}

// Lasting is a fault that stays until it is cleared.
type Lasting struct {
	// For undoes the fault after this time; default: the fault stays until the check or the step clears it.
	For scenario.Duration `json:"for,omitempty" help:"undo the fault after this time"`
}

// EndsAfter returns the time until the fault ends by itself; 0: never.
func (l Lasting) EndsAfter() scenario.Duration { return l.For }

// NameOf returns the fault's name in the spelling of scenario files: linkDown.
func NameOf(f Fault) string { return scenario.FaultOf(f).Name }

// TargetOf returns the name of the fault's target: r1, worker. Some faults have a Lease or a workload as the target.
func TargetOf(f Fault) string {
	_, target := scenario.FaultOf(f).Verb()
	return target
}

// Find returns an empty fault of a name in any spelling of its words: linkDown, link-down, LinkDown.
func Find(known []scenario.Member, name string) (Fault, error) {
	var names []string
	for _, m := range known {
		if f, ok := m.New().(Fault); ok && plain(m.Name) == plain(name) {
			return f, nil
		}
		names = append(names, m.Name)
	}
	return nil, fmt.Errorf("fault %q: there is no such kind; wanted is one of: %s", name, strings.Join(names, ", "))
}

func plain(s string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(s))
}

// Options lists the fields of a fault besides the target.
func Options(f Fault) []scenario.Option { return scenario.OptionsOf(f)[1:] }

// words adds the options to a phrase, except options in the phrase: latency at r1 (delay 50ms).
func words(f Fault, phrase string, contained ...string) string {
	var rest []string
	for _, o := range Options(f) {
		if o.Set() && !slices.Contains(contained, o.Name) {
			rest = append(rest, fmt.Sprint(o.Name, " ", o.Value))
		}
	}
	if len(rest) == 0 {
		return phrase
	}
	return phrase + " (" + strings.Join(rest, ", ") + ")"
}

// manifold is a fault with possibly several targets at once.
type manifold interface {
	each(p *plan.Plan) []Fault
}

// each returns a fault for each target, in the lab of a plan.
func each(f Fault, p *plan.Plan) []Fault {
	if m, ok := f.(manifold); ok {
		return m.each(p)
	}
	return []Fault{f}
}
