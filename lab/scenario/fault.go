package scenario

import (
	"fmt"
	"reflect"
	"slices"
)

// Fault is a disturbance: {NAME: TARGET, OPTION: VALUE}. The members are in lab/fault.
type Fault struct{ Flat }

func (*Fault) from(k Kinds) []Member { return k.Faults }
func (*Fault) noun() string          { return "fault" }

// SetDefaults fills in the member's defaults.
func (f Fault) SetDefaults(s *Spec) {
	if f.Fields != nil {
		f.Fields.SetDefaults(s)
	}
}

// Validate checks the member's fields. A fault without fields has a mistake of form, reported by the decoder.
func (f Fault) Validate(v *Validation, path string) {
	if f.Fields != nil {
		f.Fields.Validate(v, path)
	}
}

// FaultOf returns the fault with a member's fields. The first field has the member's name, and holds the target.
func FaultOf(fields Fields) Fault {
	name := fieldsOf(reflect.TypeOf(fields).Elem())[0].name
	return Fault{Flat{Entry{Name: name, Fields: fields}}}
}

// Verb returns the fault's name and the name of its target. Both are empty without a fault.
func (f Fault) Verb() (verb, target string) {
	if f.Fields == nil {
		return f.Name, ""
	}
	v := reflect.ValueOf(f.Fields).Elem()
	return f.Name, v.FieldByIndex(fieldsOf(v.Type())[0].index).String()
}

// String describes the fault in a few words: kill r1; link fabric of r1 down; latency of r1 (delay 50ms).
func (f Fault) String() string {
	if words, ok := f.Fields.(fmt.Stringer); ok {
		return words.String()
	}
	return f.Name
}

// Lasts reports whether the fault stays until something ends the fault, and after how long the fault ends without help; 0 is
// never.
func (f Fault) Lasts() (after Duration, ok bool) {
	lasting, ok := f.Fields.(interface{ EndsAfter() Duration })
	if !ok {
		return 0, false
	}
	return lasting.EndsAfter(), true
}

// Heals returns the reason why the lab repairs the damage without an end of the fault; empty if the lab does not.
func (f Fault) Heals() string {
	if healing, ok := f.Fields.(interface{ Heals() string }); ok {
		return healing.Heals()
	}
	return ""
}

// Option is a field of a member, under the name in scenario files.
type Option struct {
	Name     string
	Required bool
	Help     string       // of the tag help
	Type     reflect.Type // of the value
	Value    any
}

// OptionsOf lists the fields of a member, in order of declaration.
func OptionsOf(fields Fields) []Option {
	v := reflect.ValueOf(fields).Elem()
	var all []Option
	for _, f := range fieldsOf(v.Type()) {
		field := v.Type().FieldByIndex(f.index)
		all = append(all, Option{f.name, f.required, field.Tag.Get("help"), field.Type, v.FieldByIndex(f.index).Interface()})
	}
	return all
}

// Set reports whether the option has a value other than the zero value.
func (o Option) Set() bool { return !reflect.ValueOf(o.Value).IsZero() }

// ReadFault reads a fault for a lab of the scenario: YAML or JSON, as in a scenario file. ReadFault returns all mistakes.
func (s *Scenario) ReadFault(data []byte) (Fault, []Problem) {
	found := newProblems("")
	root, err := parseDocument(data)
	if err != nil {
		return Fault{}, []Problem{{Message: err.Error()}}
	}
	var f Fault
	d := decoder{problems: found, kinds: s.kinds}
	d.decode(root, reflect.ValueOf(&f).Elem(), "", rule{})
	f.SetDefaults(&s.Spec)
	f.Validate(&Validation{spec: &s.Spec, found: found, form: problems{list: slices.Clone(found.list)}}, "")
	return f, found.list
}
