package scenario

import (
	"fmt"
	"slices"
)

// validator checks what a decoded scenario means. Every rule adds its own problems, so that all of
// them come at once; what follows from a mistake of the file's form is left out.
type validator struct {
	spec  *Spec
	form  problems // the mistakes of form, from decoding
	found *problems
}

func validate(s *Scenario, found *problems) {
	v := &validator{spec: &s.Spec, found: found, form: problems{list: slices.Clone(found.list)}}
	v.label("metadata.name", s.Metadata.Name)
	v.names()
	v.prefixes()
	v.cluster()
	v.routers()
	v.gateways()
	v.clients()
	v.addons()
	v.workloads()
	v.checks()
	v.bug(s.Bug)
	v.halves(s)
}

// add records a problem, unless the value at the path could not be decoded in the first place.
func (v *validator) add(path, format string, args ...any) {
	if !v.form.has(path) {
		v.found.add(path, format, args...)
	}
}

// network checks that a network of that name exists.
func (v *validator) network(path, name string) bool {
	if v.spec.hasNetwork(name) {
		return true
	}
	known := make([]string, 0, len(v.spec.Networks))
	for _, n := range v.spec.Networks {
		known = append(known, n.Name)
	}
	v.unknown(path, name, "network", known)
	return false
}

// on reports whether a router is on a network. Of one whose networks are not known, or of a network that
// does not exist, it says so too: that mistake is reported where it was made.
func (v *validator) on(r *Router, network string) bool {
	return len(r.Networks) == 0 || !v.spec.hasNetwork(network) || slices.Contains(r.Networks, network)
}

// unknown records a reference to what does not exist, and what does.
func (v *validator) unknown(path, name, kind string, known []string) {
	v.add(path, "seen %q, want %s", name, oneOf(kind, known))
}

// oneOf says what may be named, for an error.
func oneOf(kind string, known []string) string {
	known = slices.DeleteFunc(slices.Compact(slices.Clone(known)), func(name string) bool { return name == "" })
	if len(known) == 0 {
		return fmt.Sprintf("a %s, of which the scenario has none", kind)
	}
	return fmt.Sprintf("a %s of the scenario: %s", kind, list(known))
}

// repeated checks that a list names nothing twice.
func (v *validator) repeated(path string, all []string) {
	for i, name := range all {
		if slices.Index(all, name) < i {
			v.add(fmt.Sprintf("%s[%d]", path, i), "seen %q twice, want it once", name)
		}
	}
}

// notEmpty checks that a list has entries.
func (v *validator) notEmpty(path string, length int) {
	if length == 0 {
		v.add(path, "seen an empty list, want at least one entry")
	}
}

// exactlyOne checks that one field of several is set.
func (v *validator) exactlyOne(path, fields string, set ...bool) bool {
	count := 0
	for _, s := range set {
		if s {
			count++
		}
	}
	switch count {
	case 0:
		v.add(path, "seen none of these, want one of: %s", fields)
	case 1:
		return true
	default:
		v.add(path, "seen %d of these in one entry, want one of: %s", count, fields)
	}
	return false
}

// notYet records what the format allows and this version cannot run.
func (v *validator) notYet(path string, seen, want any) {
	v.add(path, "seen %v, which cannot be run yet, want %v", seen, want)
}
