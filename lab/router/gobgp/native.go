package gobgp

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// forms are the languages of gobgpd's configuration, by the end of a file's name.
var forms = map[string]string{".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".conf": "toml", ".json": "json"}

// formOf returns the language of a router's configuration.
func formOf(r plan.Router) string {
	if r.Native.IsWhole() {
		if form, ok := forms[path.Ext(r.Native.Whole.Of)]; ok {
			return form
		}
	}
	return "yaml"
}

// validateNative checks that added configuration is a YAML mapping, and that the name of a native file shows the language.
func validateNative(v *scenario.Validation, r *scenario.Router, at string) {
	mapping := func(at, text string) {
		if _, err := mappingOf(text); err != nil {
			v.Add(at, "seen %v, want a YAML mapping of gobgpd, such as neighbors: […]", err)
		}
	}
	mapping(at+".config", r.Config.Text)
	if r.ConfigFile != nil {
		mapping(at+".configFile", r.ConfigFile.Text)
	}
	if r.Native != nil && r.Native.Name != "" && forms[path.Ext(r.Native.Name)] == "" {
		v.Add(at+".native", "seen %q, want a name that ends with the language of gobgpd's file: .toml, .yaml or .json", r.Native.Name)
	}
}

func mappingOf(text string) (map[string]any, error) {
	var tree any
	if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
		return nil, fmt.Errorf("no YAML (%s)", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if tree == nil {
		return nil, nil
	}
	all, ok := tree.(map[string]any)
	if !ok {
		return nil, errors.New("no mapping")
	}
	return all, nil
}

// merged adds the user's mappings to the rendered configuration.
func merged(r plan.Router, rendered string) (string, error) {
	tree, err := mappingOf(rendered)
	if err != nil {
		return "", fmt.Errorf("lab bug: gobgpd.yaml of %s: %w", r.Name, err)
	}
	for _, s := range r.Native.Added {
		added, err := mappingOf(s.Text)
		if err != nil {
			return "", fmt.Errorf("gobgpd.yaml of %s: %s: %w", r.Name, s.Where(0), err)
		}
		merge(tree, added)
	}
	var b strings.Builder
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	err = e.Encode(tree)
	return b.String(), err
}

// merge adds a mapping to another: lists are appended, mappings are merged, other values replace.
func merge(to, from map[string]any) {
	for key, value := range from {
		switch value := value.(type) {
		case map[string]any:
			if inner, ok := to[key].(map[string]any); ok {
				merge(inner, value)
				continue
			}
		case []any:
			if list, ok := to[key].([]any); ok {
				to[key] = slices.Concat(list, value)
				continue
			}
		}
		to[key] = value
	}
}
