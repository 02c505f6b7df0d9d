package fault

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

// UnmarshalJSON reads a fault as scenario files write it, {linkDown: r1, network: fabric}, or as it is marshalled,
// {kind: linkDown, node: r1, network: fabric}. The error is an *Invalid with every mistake.
func (f *Fault) UnmarshalJSON(b []byte) error {
	var in map[string]json.RawMessage
	if err := json.Unmarshal(b, &in); err != nil || in == nil {
		return &Invalid{string(b), []string{fmt.Sprintf("seen %.40s, want a mapping such as {kill: r1}", b)}}
	}
	var problems []string
	out := Fault{}
	problems = append(problems, out.kindOf(in)...)
	fields := map[string]any{
		"id": &out.ID, fieldNetwork: &out.Network, fieldPeer: &out.Peer, fieldProcess: &out.Process, fieldProto: &out.Proto,
		fieldDirection: &out.Direction, fieldPercent: &out.Percent, fieldRate: &out.Rate, fieldDelay: &out.Delay,
		fieldJitter: &out.Jitter, fieldInterval: &out.Interval, fieldFor: &out.For,
	}
	for _, name := range sorted(in) {
		to, ok := fields[name]
		if !ok {
			if _, isKind := about(Kind(name)); !isKind && name != "kind" && name != "node" {
				problems = append(problems, fmt.Sprintf("%s: seen an unknown field, want one of: %s", name, strings.Join(sorted(fields), ", ")))
			}
			continue
		}
		if err := json.Unmarshal(in[name], to); err != nil {
			problems = append(problems, fmt.Sprintf("%s: seen %s: %v", name, in[name], err))
		}
	}
	if len(problems) == 0 {
		problems = out.shape()
	}
	if len(problems) > 0 {
		return &Invalid{string(b), problems}
	}
	*f = out
	return nil
}

// kindOf finds kind and node in either spelling.
func (f *Fault) kindOf(in map[string]json.RawMessage) []string {
	var kinds []string
	for _, name := range sorted(in) {
		if _, ok := about(Kind(name)); ok {
			kinds = append(kinds, name)
		}
	}
	name, target := "node", in["node"]
	switch {
	case in["kind"] != nil && len(kinds) == 0:
		if err := json.Unmarshal(in["kind"], &f.Kind); err != nil {
			return []string{fmt.Sprintf("kind: seen %s, want a kind of fault", in["kind"])}
		}
	case in["kind"] == nil && len(kinds) == 1 && in["node"] == nil:
		f.Kind = Kind(kinds[0])
		name, target = kinds[0], in[kinds[0]]
	default:
		var all []string
		for _, a := range Kinds() {
			all = append(all, string(a.Kind))
		}
		return []string{fmt.Sprintf("seen %d kinds of fault (%s), want exactly one of: %s", len(kinds), strings.Join(kinds, ", "), strings.Join(all, ", "))}
	}
	if target == nil {
		return nil // shape tells
	}
	if err := json.Unmarshal(target, &f.Node); err != nil {
		return []string{fmt.Sprintf("%s: seen %s, want a name", name, target)}
	}
	return nil
}

// shape returns the mistakes that can be seen without a lab.
func (f Fault) shape() []string {
	a, ok := about(f.Kind)
	if !ok {
		_, err := ParseKind(string(f.Kind))
		return []string{fmt.Sprintf("kind: %v", err)}
	}
	var problems []string
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if f.Node == "" {
		add("%s: seen no name, want that of a %s", f.Kind, a.Target)
	}
	for _, v := range f.values() {
		need, take := slices.Contains(a.Needs, v.name), a.May(v.name)
		switch {
		case v.set && !take && v.name == fieldFor:
			add("for: seen %s, but %s is over at once; leave it out", v.text, f.Kind)
		case v.set && !take:
			add("%s: seen %s, which %s does not take", v.name, v.text, f.Kind)
		case !v.set && need:
			add("%s: seen nothing, want it for %s", v.name, f.Kind)
		}
	}
	return append(problems, f.ranges()...)
}

// ranges returns the values that are out of bounds.
func (f Fault) ranges() []string {
	var problems []string
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if protos := []string{ProtoBGP, ProtoBFD, ProtoVRRP, ProtoARP}; f.Proto != "" && !slices.Contains(protos, f.Proto) {
		add("proto: seen %q, want one of: %s", f.Proto, strings.Join(protos, ", "))
	}
	if f.Direction != "" && f.Direction != DirectionIn && f.Direction != DirectionOut {
		add("direction: seen %q, want in or out, or nothing for both", f.Direction)
	}
	if f.Percent < 0 || f.Percent > 100 {
		add("percent: seen %g, want above 0 and up to 100", f.Percent)
	}
	if f.Rate != "" {
		if _, err := scenario.ParseRate(f.Rate); err != nil {
			add("rate: %v", err)
		}
	}
	for _, d := range []value{{name: fieldDelay, set: f.Delay < 0}, {name: fieldJitter, set: f.Jitter < 0}, {name: fieldInterval, set: f.Interval < 0}, {name: fieldFor, set: f.For < 0}} {
		if d.set {
			add("%s: seen a time below zero, want one above", d.name)
		}
	}
	if f.Jitter > f.Delay && f.Delay > 0 {
		add("jitter: seen %s, want at most the delay, %s", f.Jitter, f.Delay)
	}
	return problems
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
