package scenario

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Half returns the scenario of one half of a bug: with the values of the half, without the bug and without checks.
func (s *Scenario) Half(h Half) (*Scenario, error) {
	spec, err := treeOf(s.Spec)
	if err != nil {
		return nil, err
	}
	delete(spec, "checks")
	revealed(spec, s.secrets()) // the validation refuses marks
	for _, path := range slices.Sorted(maps.Keys(h.Set)) {
		if err := put(spec, path, h.Set[path]); err != nil {
			return nil, fmt.Errorf("set: %s: %w", path, err)
		}
	}
	if h.Version != "" && s.Bug != nil && !setVersion(spec, s.Bug.Component, h.Version) {
		return nil, fmt.Errorf("version: seen %s, want a component with a version in the scenario, an addon or a router's software; %s is none; leave it out, or set the value by its path", h.Version, s.Bug.Component)
	}
	metadata, err := treeOf(s.Metadata)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(map[string]any{"apiVersion": s.APIVersion, "kind": s.Kind, "metadata": metadata, "spec": spec})
	if err != nil {
		return nil, fmt.Errorf("lab bug: half of %s cannot be written: %w", s.Metadata.Name, err)
	}
	found := newProblems("")
	if s.form != nil { // the half's text is one line; the lines are those of the bug's file
		found.name, found.lines = s.form.name, maps.Clone(s.form.lines)
	}
	return parse(s.Metadata.Name+" with "+h.What, data, s.kinds, s.folder, found)
}

// secrets returns the secrets of the spec, by their marks.
func (s *Scenario) secrets() map[string]string {
	all := map[string]string{}
	secretsOf(reflect.ValueOf(s.Spec), all)
	return all
}

// secretsOf adds the secrets in a value, by their marks.
func secretsOf(v reflect.Value, secrets map[string]string) {
	if s, ok := v.Interface().(Secret); ok {
		secrets[s.String()] = string(s)
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			secretsOf(v.Elem(), secrets)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				secretsOf(v.Field(i), secrets)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			secretsOf(v.Index(i), secrets)
		}
	}
}

// Reveal puts the scenario's secrets in place of their marks, everywhere in the value of a pointer: in a plan from a lab's record,
// for example, which has no secrets.
func (s *Scenario) Reveal(pointer any) {
	reveal(reflect.ValueOf(pointer), s.secrets(), map[any]bool{})
}

// reveal follows pointers, each once.
func reveal(v reflect.Value, secrets map[string]string, seen map[any]bool) {
	if s, ok := v.Interface().(Secret); ok {
		if secret := secrets[s.String()]; secret != "" {
			v.SetString(secret)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && !seen[v.Interface()] {
			seen[v.Interface()] = true
			reveal(v.Elem(), secrets, seen)
		}
	case reflect.Interface:
		if !v.IsNil() && v.Elem().Kind() == reflect.Pointer {
			reveal(v.Elem(), secrets, seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				reveal(v.Field(i), secrets, seen)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			reveal(v.Index(i), secrets, seen)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			reveal(value, secrets, seen)
			v.SetMapIndex(key, value)
		}
	}
}

// revealed puts the secrets into a JSON tree, in place of their marks.
func revealed(tree any, secrets map[string]string) {
	switch tree := tree.(type) {
	case map[string]any:
		for key, value := range tree {
			if text, ok := value.(string); ok && secrets[text] != "" {
				tree[key] = secrets[text]
			}
			revealed(value, secrets)
		}
	case []any:
		for _, value := range tree {
			revealed(value, secrets)
		}
	}
}

// treeOf returns a value as a JSON tree.
func treeOf(v any) (map[string]any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("lab bug: %T cannot be written: %w", v, err)
	}
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		return nil, fmt.Errorf("lab bug: %T cannot be read again: %w", v, err)
	}
	return tree, nil
}

// setVersion sets the version of a component everywhere in the spec, and reports whether the spec has the component.
func setVersion(spec map[string]any, component, version string) bool {
	found := false
	addons, _ := spec["addons"].([]any)
	for _, a := range addons {
		addon, _ := a.(map[string]any)
		if of, ok := addon[component].(map[string]any); ok {
			of["version"], found = version, true
		}
	}
	routers, _ := spec["routers"].([]any)
	for _, r := range routers {
		if of, ok := r.(map[string]any); ok && of["software"] == component {
			of["version"], found = version, true
		}
	}
	return found
}

// put sets the value at a path such as routers[0].bgp.asn. put adds missing mappings on the way, but no lists.
func put(tree map[string]any, path string, value any) error {
	var at any = tree
	words := strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
	if len(words) == 0 {
		return fmt.Errorf("seen no path, want one such as routers[0].bgp.asn")
	}
	for i, word := range words {
		last := i == len(words)-1
		switch here := at.(type) {
		case map[string]any:
			if last {
				here[word] = value
				return nil
			}
			if here[word] == nil {
				here[word] = map[string]any{}
			}
			at = here[word]
		case []any:
			n, err := strconv.Atoi(word)
			if err != nil || n < 0 || n >= len(here) {
				return fmt.Errorf("seen [%s], want an index below %d", word, len(here))
			}
			if last {
				here[n] = value
				return nil
			}
			at = here[n]
		default:
			return fmt.Errorf("seen %v before %s, want a mapping or a list", at, word)
		}
	}
	return nil
}
