package scenario

import (
	"fmt"
	"io/fs"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// decoder fills Go values from YAML nodes strictly. Every unknown field, repeated key and wrong type is a problem with path
// and line. After a problem, decoding goes on.
type decoder struct {
	*problems
	kinds  Kinds
	folder fs.FS // the files beside the scenario
}

// decode fills v from n. The rule belongs to the field v, or to the field with the list that contains v.
func (d decoder) decode(n *yaml.Node, v reflect.Value, path string, r rule) {
	if _, ok := d.lines[path]; !ok {
		d.lines[path] = n.Line
	}
	if n.Kind == yaml.AliasNode {
		d.add(path, "seen the alias *%s, want the value itself; scenario files have no aliases", n.Value)
		return
	}
	if v.Kind() == reflect.Pointer {
		mistakes := len(d.problems.list)
		to := reflect.New(v.Type().Elem())
		d.decode(n, to.Elem(), path, r)
		if len(d.problems.list) == mistakes || to.Elem().Kind() == reflect.Struct {
			v.Set(to)
		}
		return
	}
	if d.ofType(n, v, path, r) {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Slice:
		d.list(n, v, path, r)
	case reflect.Map:
		d.mapping(n, v, path)
	case reflect.Interface:
		if x := d.free(n, path); x != nil {
			v.Set(reflect.ValueOf(x))
		}
	case reflect.String:
		d.text(n, v, path, r)
	case reflect.Bool:
		if n.ShortTag() != "!!bool" || n.Decode(v.Addr().Interface()) != nil {
			d.add(path, "seen %s, want true or false", seen(n))
		}
	case reflect.Float64:
		d.fraction(n, v, path, r)
	default:
		d.number(n, v, path, r)
	}
}

// ofType decodes a value of a type with a form of its own in files. ofType reports whether v has such a type.
func (d decoder) ofType(n *yaml.Node, v reflect.Value, path string, r rule) bool {
	switch target := v.Addr().Interface().(type) {
	case *netip.Prefix:
		d.prefix(n, target, path, r)
	case *netip.Addr:
		d.address(n, target, path, r)
	case *Duration:
		d.duration(n, target, path)
	case *Snippet:
		d.snippet(n, target, path)
	case *Path:
		d.path(n, target, path)
	case *Manifest:
		d.manifest(n, target, path)
	case *File:
		d.file(n, target, path)
	case *NodeNames:
		d.nodeNames(n, target, path)
	case *Software:
		d.text(n, v, path, rule{enum: memberNames(d.kinds.Routers)})
	case member:
		d.member(n, target, path)
	case brief:
		if n.Kind != yaml.ScalarNode {
			return false
		}
		d.brief(n, v, path, target.briefly())
	default:
		return false
	}
	return true
}

func (d decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	fields := fieldsOf(v.Type())
	given := d.pairs(n, path, func(name string, value *yaml.Node) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		if i < 0 {
			d.add(join(path, name), "seen an unknown field, want one of: %s", strings.Join(names(fields), ", "))
			return
		}
		d.decode(value, v.FieldByIndex(fields[i].index), join(path, name), fields[i].rule)
	})
	if given == nil {
		return
	}
	for _, f := range fields {
		if f.required && !given[f.name] {
			d.add(join(path, f.name), "seen nothing, want %s", wanted(v.FieldByIndex(f.index).Type(), f.rule))
		}
	}
}

// pairs calls do for each pair of a mapping, and returns the set of keys; nil if the node is no mapping. For a repeated key,
// pairs adds a problem and does not call do.
func (d decoder) pairs(n *yaml.Node, path string, do func(name string, value *yaml.Node)) map[string]bool {
	if n.Kind != yaml.MappingNode {
		d.add(path, "seen %s, want a mapping", seen(n))
		return nil
	}
	given := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := key.Value
		switch {
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			d.addAt(path, key.Line, "seen %s as a field's name, want a string", seen(key))
		case given[name]:
			d.addAt(join(path, name), key.Line, "seen the field twice (first on line %d), want it once", d.lines[join(path, name)])
		default:
			given[name] = true
			if _, ok := d.lines[join(path, name)]; !ok {
				d.lines[join(path, name)] = key.Line
			}
			do(name, value)
		}
	}
	return given
}

// addAt is add, with the line from the caller.
func (d decoder) addAt(path string, line int, format string, args ...any) {
	d.problems.list = append(d.problems.list, Problem{Path: path, Line: line, Message: fmt.Sprintf(format, args...)})
}

func (d decoder) list(n *yaml.Node, v reflect.Value, path string, r rule) {
	if n.Kind != yaml.SequenceNode {
		d.add(path, "seen %s, want %s", seen(n), wanted(v.Type(), r))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		d.decode(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i), r)
	}
}

func (d decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	d.pairs(n, path, func(name string, value *yaml.Node) {
		item := reflect.New(v.Type().Elem()).Elem()
		d.decode(value, item, join(path, name), rule{})
		v.SetMapIndex(reflect.ValueOf(name), item)
	})
}

// free returns any value in the types of JSON: maps with string keys, lists, strings, numbers, booleans.
func (d decoder) free(n *yaml.Node, path string) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		d.mapping(n, reflect.ValueOf(&m).Elem(), path)
		return m
	case yaml.SequenceNode:
		l := []any{}
		d.list(n, reflect.ValueOf(&l).Elem(), path, rule{})
		return l
	}
	var x any
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool", "!!int", "!!float":
		if err := n.Decode(&x); err == nil {
			if f, ok := x.(float64); !ok || !math.IsNaN(f) && !math.IsInf(f, 0) {
				return x
			}
		}
		d.add(path, "seen %s, want a number that JSON can write", seen(n))
		return nil
	}
	return n.Value
}

func (d decoder) text(n *yaml.Node, v reflect.Value, path string, r rule) {
	if enum := EnumOf(v.Type()); enum != nil {
		r.enum = enum
	}
	ok := n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" && n.Value != ""
	if ok && r.enum != nil {
		ok = slices.Contains(r.enum, n.Value)
	}
	if !ok {
		what := seen(n)
		if v.Type() == reflect.TypeFor[Secret]() && n.Kind == yaml.ScalarNode {
			what = "a value that is not shown" // the number in `password: 12345` is a password, too
		}
		d.add(path, "seen %s, want %s", what, wanted(v.Type(), r))
		return
	}
	v.SetString(n.Value)
}

func (d decoder) number(n *yaml.Node, v reflect.Value, path string, r rule) {
	var x int64
	ok := n.ShortTag() == "!!int" && n.Decode(&x) == nil
	if ok && r.bounded {
		ok = r.min <= x && x <= r.max
	}
	switch {
	case !ok:
		d.add(path, "seen %s, want %s", seen(n), wanted(v.Type(), r))
	case v.CanUint():
		v.SetUint(uint64(x))
	default:
		v.SetInt(x)
	}
}

// fraction reads a number that need not be whole.
func (d decoder) fraction(n *yaml.Node, v reflect.Value, path string, r rule) {
	var x float64
	tag := n.ShortTag()
	ok := (tag == "!!int" || tag == "!!float") && n.Decode(&x) == nil
	low, high := float64(r.min), float64(r.max)
	if !ok || !(x >= low && x <= high) || r.above && x == low { // NaN is in no range
		d.add(path, "seen %s, want %s", seen(n), wanted(v.Type(), r))
		return
	}
	v.SetFloat(x)
}

func (d decoder) prefix(n *yaml.Node, to *netip.Prefix, path string, r rule) {
	p, err := netip.ParsePrefix(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode || err != nil || !r.takes(p.Addr()):
		d.add(path, "seen %s, want %s", seen(n), wanted(reflect.TypeFor[netip.Prefix](), r))
	case p != p.Masked():
		d.add(path, "seen %s, whose host bits are set, want %s", p, p.Masked())
	default:
		*to = p
	}
}

func (d decoder) address(n *yaml.Node, to *netip.Addr, path string, r rule) {
	a, err := netip.ParseAddr(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || !r.takes(a) {
		d.add(path, "seen %s, want %s", seen(n), wanted(reflect.TypeFor[netip.Addr](), r))
		return
	}
	*to = a
}

func (d decoder) duration(n *yaml.Node, to *Duration, path string) {
	v, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || v <= 0 {
		d.add(path, "seen %s, want a duration longer than 0, such as 100ms, 9s or 1m30s", seen(n))
		return
	}
	*to = Duration(v)
}
