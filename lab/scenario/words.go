package scenario

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxSeen bounds the part of a value that an error quotes, in characters.
const maxSeen = 60

// seen describes a YAML node for an error.
func seen(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "the alias *" + n.Value
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!str":
		return fmt.Sprintf("%q", shorten(n.Value))
	}
	return shorten(n.Value)
}

func shorten(s string) string {
	if r := []rune(s); len(r) > maxSeen {
		return string(r[:maxSeen]) + "…"
	}
	return s
}

// wanted describes the accepted values of a field by type and rule, for an error.
func wanted(t reflect.Type, r rule) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	enum := r.enum
	if known := EnumOf(t); known != nil {
		enum = known
	}
	switch {
	case t == reflect.TypeFor[netip.Prefix]():
		return r.family("prefix", "192.0.2.0/24")
	case t == reflect.TypeFor[netip.Addr]():
		return r.family("address", "203.0.113.50")
	case t == reflect.TypeFor[Duration]():
		return "a duration such as 100ms, 9s or 1m30s"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Struct || t.Kind() == reflect.Map:
		return "a mapping"
	case len(enum) == 1:
		return enum[0]
	case enum != nil:
		return "one of: " + strings.Join(enum, ", ")
	case r.above:
		return fmt.Sprintf("a number above %d and up to %d", r.min, r.max)
	case r.bounded:
		return fmt.Sprintf("a whole number from %d to %d", r.min, r.max)
	case r.example != "":
		return "a string such as " + r.example
	case t.Kind() == reflect.String:
		return "a string"
	}
	return "a whole number"
}

// join appends the name of a field to a path.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func names(fields []field) []string {
	all := make([]string, 0, len(fields))
	for _, f := range fields {
		all = append(all, f.name)
	}
	return all
}
