package main

import (
	"net/netip"
	"path"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"skidpad.dev/skidpad/lab/scenario"
)

const (
	module      = "skidpad.dev/skidpad"
	definitions = "#/$defs/"
)

// schemas reflects types into one set of definitions.
type schemas struct {
	jsonschema.Reflector
	kinds scenario.Kinds
	all   jsonschema.Definitions
}

// reflectAll reflects the types of a scenario file and of all members. Descriptions are doc comments; the working
// directory must be the top of the repository.
func reflectAll(kinds scenario.Kinds) (*jsonschema.Schema, error) {
	s := &schemas{kinds: kinds, all: jsonschema.Definitions{}}
	s.ExpandedStruct, s.Mapper, s.Namer = true, s.special, nameOf
	if err := s.AddGoComments(module, "./lab", jsonschema.WithFullComment()); err != nil {
		return nil, err
	}
	for key, comment := range s.CommentMap {
		s.CommentMap[key] = strings.Join(strings.Fields(comment), " ")
	}
	root := s.Reflect(&scenario.Scenario{})
	root.Title = "skidpad scenario"
	for name, definition := range root.Definitions {
		s.all[name] = definition
	}
	root.Definitions = s.all
	one := uint64(1)
	for _, union := range []string{"Addon", "Workload"} {
		s.all[union].MinProperties, s.all[union].MaxProperties = &one, &one
	}
	s.briefly()
	return root, nil
}

// briefTypes are the mappings with a short form in files.
var briefTypes = []reflect.Type{
	reflect.TypeFor[scenario.NodePeer](), reflect.TypeFor[scenario.NodeRestart](), reflect.TypeFor[scenario.Announcement](), reflect.TypeFor[scenario.Pool](),
}

// briefly lets a mapping with a short form also be the value of one of its fields.
func (s *schemas) briefly() {
	for _, t := range briefTypes {
		whole := s.all[nameOf(t)]
		if whole == nil || whole.Properties == nil {
			continue
		}
		if value, ok := whole.Properties.Get(scenario.BriefOf(t)); ok {
			alone := *value
			alone.Description = ""
			whole.AnyOf = []*jsonschema.Schema{&alone, {Type: "object"}}
			whole.Type = ""
		}
	}
}

// nameOf returns the name of a type's definition. Members' names begin with the package, because several packages have
// types of the same name.
func nameOf(t reflect.Type) string {
	if t.PkgPath() == module+"/lab/scenario" || t.Name() == "" {
		return t.Name()
	}
	return path.Base(t.PkgPath()) + "." + t.Name()
}

// special describes entries of members, and types with strings as their form in files.
func (s *schemas) special(t reflect.Type) *jsonschema.Schema {
	if members, flat, ok := scenario.MembersOf(t, s.kinds); ok {
		s.entry(t, members, flat)
		return &jsonschema.Schema{Ref: definitions + nameOf(t)}
	}
	if t == reflect.TypeFor[scenario.Software]() {
		names := &jsonschema.Schema{Type: "string"}
		for _, m := range s.kinds.Routers {
			names.Enum = append(names.Enum, m.Name)
		}
		return names
	}
	return scalarSchema(t)
}

// entry defines an entry as a mapping with exactly one of the members' names.
func (s *schemas) entry(t reflect.Type, members []scenario.Member, flat bool) {
	name := nameOf(t)
	if s.all[name] != nil {
		return
	}
	definition := &jsonschema.Schema{Type: "object", Description: s.CommentMap[commentKey(t)]}
	s.all[name] = definition
	if flat {
		for _, m := range members {
			definition.OneOf = append(definition.OneOf, s.fields(m))
		}
		return
	}
	one := uint64(1)
	definition.MinProperties, definition.MaxProperties = &one, &one
	definition.AdditionalProperties = jsonschema.FalseSchema
	definition.Properties = jsonschema.NewProperties()
	for _, m := range members {
		definition.Properties.Set(m.Name, s.fields(m))
	}
}

// fields describes a member's fields in files.
func (s *schemas) fields(m scenario.Member) *jsonschema.Schema {
	t := reflect.TypeOf(m.New()).Elem()
	if t.Kind() != reflect.Struct {
		inline := s.ReflectFromType(t)
		inline.Version, inline.ID = "", ""
		inline.Description = s.CommentMap[commentKey(t)]
		return inline
	}
	name := nameOf(t)
	s.inherit(t)
	if s.all[name] == nil {
		s.all[name] = &jsonschema.Schema{} // a member may contain its own kind
		one := s.ReflectFromType(t)
		for inner, definition := range one.Definitions {
			if s.all[inner] == nil {
				s.all[inner] = definition
			}
		}
		one.Definitions, one.Version, one.ID = nil, "", ""
		s.all[name] = one
	}
	return &jsonschema.Schema{Ref: definitions + name}
}

// inherit gives the fields of embedded structs the comments that the structs have.
func (s *schemas) inherit(t reflect.Type) {
	for i := range t.NumField() {
		inner := t.Field(i)
		if !inner.Anonymous || inner.Type.Kind() != reflect.Struct {
			continue
		}
		s.inherit(inner.Type)
		for j := range inner.Type.NumField() {
			field := "." + inner.Type.Field(j).Name
			if comment := s.CommentMap[commentKey(inner.Type)+field]; comment != "" {
				s.CommentMap[commentKey(t)+field] = comment
			}
		}
	}
}

func commentKey(t reflect.Type) string { return t.PkgPath() + "." + t.Name() }

// scalarSchema describes the types with strings as their form in files.
func scalarSchema(t reflect.Type) *jsonschema.Schema {
	if enum := scenario.EnumOf(t); enum != nil {
		s := &jsonschema.Schema{Type: "string"}
		for _, v := range enum {
			s.Enum = append(s.Enum, v)
		}
		return s
	}
	switch t {
	case reflect.TypeFor[scenario.Snippet]():
		return &jsonschema.Schema{Type: "string"}
	case reflect.TypeFor[scenario.File]():
		return fileSchema()
	case reflect.TypeFor[scenario.Manifest]():
		file := jsonschema.NewProperties()
		file.Set("file", fileSchema())
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
			{Type: "object", Properties: file, Required: []string{"file"}, AdditionalProperties: jsonschema.FalseSchema},
			{Type: "object", Required: []string{"apiVersion", "kind", "metadata"}},
		}}
	case reflect.TypeFor[scenario.NodeNames]():
		all := &jsonschema.Schema{Type: "string", Enum: []any{scenario.EveryNode, scenario.AllWorkers, scenario.ControlPlanes}}
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{all, {Type: "array", Items: &jsonschema.Schema{Type: "string"}}}}
	case reflect.TypeFor[netip.Prefix]():
		return &jsonschema.Schema{Type: "string", Pattern: `^[0-9a-f.:]+/[0-9]+$`, Examples: []any{"192.0.2.0/24"}}
	case reflect.TypeFor[netip.Addr]():
		return &jsonschema.Schema{Type: "string", Pattern: `^[0-9a-f.:]+$`, Examples: []any{"203.0.113.50"}}
	case reflect.TypeFor[scenario.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: `^([0-9.]+(ns|us|µs|ms|s|m|h))+$`, Examples: []any{"100ms", "9s"}}
	}
	return nil
}

// fileSchema describes a file beside the scenario: a name, or an inline text.
func fileSchema() *jsonschema.Schema {
	fields := jsonschema.NewProperties()
	fields.Set("text", &jsonschema.Schema{Type: "string"})
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Type: "string"},
		{Type: "object", Properties: fields, Required: []string{"text"}, AdditionalProperties: jsonschema.FalseSchema},
	}}
}
