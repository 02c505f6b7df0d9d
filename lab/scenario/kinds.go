package scenario

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Kinds lists the members of each kind for scenario files. The list of all members is lab.Kinds.
type Kinds struct {
	Routers []Member
	Addons  []Member
	Checks  []Member
	Faults  []Member
	Signals []Member
	Images  []string // the names of the catalogue's images; nil allows every name
}

// Member is one member of a kind.
type Member struct {
	Name string        // as files spell the member: linkDown
	New  func() Fields // a pointer to the empty fields
}

// Fields is the part of a scenario file that belongs to one member: a struct, or a named string.
type Fields interface {
	// SetDefaults fills in the fields that the file leaves out. A second call changes nothing.
	SetDefaults(s *Spec)
	// Validate adds a problem for each mistake. The path leads to the fields: spec.checks[0].reach. For fields beside the
	// name, the path leads to the entry.
	Validate(v *Validation, path string)
}

// Entry is one entry of a list of members: {NAME: FIELDS}.
type Entry struct {
	Name   string
	Fields Fields // nil after a mistake of form, and between UnmarshalJSON and Bind

	raw json.RawMessage // the fields, between UnmarshalJSON and Bind
}

// Flat is an entry whose fields stand beside the name in one mapping: {NAME: TARGET, OPTION: VALUE}.
type Flat struct{ Entry }

// member is a type with an Entry or a Flat in it, for one kind.
type member interface {
	// from returns the members of the kind.
	from(Kinds) []Member
	// noun is the word for a member of the kind in errors.
	noun() string
	entry() *Entry
	flat() bool
}

func (e *Entry) entry() *Entry { return e }
func (e *Entry) flat() bool    { return false }
func (e *Flat) flat() bool     { return true }

// IsZero reports whether the entry names no member.
func (e Entry) IsZero() bool { return e.Name == "" }

// setDefaults fills in the member's defaults.
func (e Entry) setDefaults(s *Spec) {
	if e.Fields != nil {
		e.Fields.SetDefaults(s)
	}
}

// validate checks the member's fields. Entries without fields have a mistake of form, reported by the decoder.
func (e Entry) validate(v *Validation, path string) {
	if e.Fields != nil {
		e.Fields.Validate(v, join(path, e.Name))
	}
}

// MarshalJSON writes the entry in the form of the file.
func (e Entry) MarshalJSON() ([]byte, error) {
	if e.Fields == nil && e.raw == nil {
		return []byte("{}"), nil
	}
	if e.Fields == nil {
		return json.Marshal(map[string]json.RawMessage{e.Name: e.raw})
	}
	return json.Marshal(map[string]Fields{e.Name: e.Fields})
}

// UnmarshalJSON keeps the raw fields until Bind knows the type of the fields.
func (e *Entry) UnmarshalJSON(data []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	*e = Entry{}
	for name, raw := range all {
		if e.Name != "" {
			return fmt.Errorf("seen %s and %s in one entry, want one of them", e.Name, name)
		}
		e.Name, e.raw = name, raw
	}
	return nil
}

// MarshalJSON writes the entry in the form of the file.
func (e Flat) MarshalJSON() ([]byte, error) {
	switch {
	case e.Fields != nil:
		return json.Marshal(e.Fields)
	case e.raw != nil:
		return e.raw, nil
	}
	return []byte("{}"), nil
}

// UnmarshalJSON keeps the raw fields until Bind knows the type of the fields.
func (e *Flat) UnmarshalJSON(data []byte) error {
	e.Entry = Entry{raw: slices.Clone(data)}
	return nil
}

func find(all []Member, name string) (Member, bool) {
	i := slices.IndexFunc(all, func(m Member) bool { return m.Name == name })
	if i < 0 {
		return Member{}, false
	}
	return all[i], true
}

func memberNames(all []Member) []string {
	list := make([]string, len(all))
	for i, m := range all {
		list[i] = m.Name
	}
	return list
}

// member decodes an entry by the member that the mapping names.
func (d decoder) member(n *yaml.Node, m member, path string) {
	known := m.from(d.kinds)
	if n.Kind != yaml.MappingNode {
		d.add(path, "seen %s, want a mapping", seen(n))
		return
	}
	var named []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		if _, ok := find(known, name); ok {
			named = append(named, name)
		} else if !m.flat() {
			d.addAt(join(path, name), n.Content[i].Line, "seen an unknown %s, want one of: %s", m.noun(), strings.Join(memberNames(known), ", "))
		}
	}
	switch {
	case len(named) == 0:
		if m.flat() || len(n.Content) == 0 {
			d.add(path, "seen none of these, want one of: %s", strings.Join(memberNames(known), ", "))
		}
		return
	case len(named) > 1:
		d.add(path, "seen %d of these in one entry, want one of: %s", len(named), strings.Join(memberNames(known), ", "))
		return
	}
	of, _ := find(known, named[0])
	e := m.entry()
	e.Name = of.Name
	fields := of.New()
	mistakes := len(d.problems.list)
	to := reflect.ValueOf(fields).Elem()
	if m.flat() {
		d.decode(n, to, path, rule{})
	} else {
		d.pairs(n, path, func(name string, value *yaml.Node) {
			if name == of.Name {
				d.decode(value, to, join(path, name), rule{})
			}
		})
	}
	if len(d.problems.list) == mistakes || to.Kind() == reflect.Struct {
		e.Fields = fields
	}
}

// Bind gives the members of a scenario from JSON their types.
func (s *Scenario) Bind(kinds Kinds) error {
	s.kinds = kinds
	return bind(reflect.ValueOf(s).Elem(), kinds)
}

// Clone returns a deep copy of the scenario.
func (s *Scenario) Clone() (*Scenario, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var copied Scenario
	if err := json.Unmarshal(data, &copied); err != nil {
		return nil, err
	}
	return &copied, copied.Bind(s.kinds)
}

// bind walks a value and all parts of the value.
func bind(v reflect.Value, kinds Kinds) error {
	if v.CanAddr() && v.CanInterface() {
		if m, ok := v.Addr().Interface().(member); ok {
			return bindEntry(m, kinds)
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return bind(v.Elem(), kinds)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); !f.IsExported() && !f.Anonymous {
				continue
			}
			if err := bind(v.Field(i), kinds); err != nil {
				return err
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := bind(v.Index(i), kinds); err != nil {
				return err
			}
		}
	}
	return nil
}

func bindEntry(m member, kinds Kinds) error {
	e := m.entry()
	if e.raw != nil {
		if m.flat() {
			var given map[string]json.RawMessage
			if err := json.Unmarshal(e.raw, &given); err != nil {
				return err
			}
			for _, of := range m.from(kinds) {
				if _, ok := given[of.Name]; ok {
					e.Name = of.Name
				}
			}
		}
		of, ok := find(m.from(kinds), e.Name)
		if !ok {
			return fmt.Errorf("seen the %s %q, want one of: %s", m.noun(), e.Name, strings.Join(memberNames(m.from(kinds)), ", "))
		}
		fields := of.New()
		if err := json.Unmarshal(e.raw, fields); err != nil {
			return fmt.Errorf("%s %s: %w", m.noun(), e.Name, err)
		}
		e.Fields, e.raw = fields, nil
	}
	if e.Fields == nil {
		return nil
	}
	return bind(reflect.ValueOf(e.Fields).Elem(), kinds)
}

// MembersOf returns the members for entries of a type such as Check, and whether the fields stand beside the name. ok is
// false for other types. The schema and the reference pages are made of the result.
func MembersOf(t reflect.Type, kinds Kinds) (all []Member, flat, ok bool) {
	m, ok := reflect.New(t).Interface().(member)
	if !ok {
		return nil, false, false
	}
	return m.from(kinds), m.flat(), true
}
