package scenario

import (
	"fmt"
	"slices"
)

// Validation checks the meaning of a decoded scenario. Every rule adds problems, and all problems are reported together. A
// problem that follows from a mistake of form is left out.
type Validation struct {
	spec  *Spec
	kinds Kinds
	form  problems // mistakes of form, from decoding
	found *problems
	named map[string]string // faults and flows of the earlier steps of a bug, by name
}

func validate(s *Scenario, found *problems) {
	v := &Validation{spec: &s.Spec, kinds: s.kinds, found: found, form: problems{name: found.name, list: slices.Clone(found.list)}}
	v.Label("metadata.name", s.Metadata.Name)
	v.names()
	v.segments()
	v.prefixes()
	v.existing()
	if c := s.Spec.Cluster; c != nil && c.Unseen() {
		return // the other rules depend on the cluster; see Scenario.On
	}
	v.cluster()
	v.routers()
	v.gateways()
	v.clients()
	v.containers()
	v.addons()
	v.workloads()
	v.manifests()
	v.checks()
	v.bug(s.Bug)
	v.halves(s)
}

// Add records a problem, unless the value at the path could not be decoded.
func (v *Validation) Add(path, format string, args ...any) {
	if !v.form.has(path) {
		v.found.add(path, format, args...)
	}
}

// Spec returns the checked spec, with defaults.
func (v *Validation) Spec() *Spec { return v.spec }

// Malformed reports whether the value at the path, or a part of the value, could not be decoded.
func (v *Validation) Malformed(path string) bool { return v.form.has(path) }

// Network checks that a network of that name exists.
func (v *Validation) Network(path, name string) bool {
	if v.spec.HasNetwork(name) {
		return true
	}
	known := make([]string, 0, len(v.spec.Networks))
	for _, n := range v.spec.Networks {
		known = append(known, n.Name)
	}
	v.Unknown(path, name, "network", known)
	return false
}

// on reports whether a router is on a network. If the networks of the router are unknown, or the network does not exist, on
// also returns true, because another rule reports the mistake.
func (v *Validation) on(r *Router, network string) bool {
	return len(r.Networks) == 0 || !v.spec.HasNetwork(network) || slices.Contains(r.Networks, network)
}

// Unknown records a reference to a missing name, and lists the existing names.
func (v *Validation) Unknown(path, name, kind string, known []string) {
	v.Add(path, "seen %q, want %s", name, oneOf(kind, known))
}

// oneOf lists the allowed names for an error.
func oneOf(kind string, known []string) string {
	known = slices.DeleteFunc(slices.Compact(slices.Clone(known)), func(name string) bool { return name == "" })
	if len(known) == 0 {
		return fmt.Sprintf("a %s, of which the scenario has none", kind)
	}
	return fmt.Sprintf("a %s of the scenario: %s", kind, list(known))
}

// Repeated checks that a list has no name twice.
func (v *Validation) Repeated(path string, all []string) {
	for i, name := range all {
		if slices.Index(all, name) < i {
			v.Add(fmt.Sprintf("%s[%d]", path, i), "seen %q twice, want it once", name)
		}
	}
}

// NotEmpty checks that a list has entries.
func (v *Validation) NotEmpty(path string, length int) {
	if length == 0 {
		v.Add(path, "seen an empty list, want at least one entry")
	}
}

// ExactlyOne checks that exactly one field is set.
func (v *Validation) ExactlyOne(path, fields string, set ...bool) bool {
	count := 0
	for _, s := range set {
		if s {
			count++
		}
	}
	switch count {
	case 0:
		v.Add(path, "seen none of these, want one of: %s", fields)
	case 1:
		return true
	default:
		v.Add(path, "seen %d of these in one entry, want one of: %s", count, fields)
	}
	return false
}

// NotYet records a value that the format allows, but this version cannot run.
func (v *Validation) NotYet(path string, seen, want any) {
	v.Add(path, "seen %v, which cannot be run yet, want %v", seen, want)
}
