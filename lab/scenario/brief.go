package scenario

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// brief is a mapping with a short form in files: the value of a single field. `r1` stands for `{router: r1}`.
type brief interface {
	// briefly returns the name of the field.
	briefly() string
}

// BriefOf returns the field of a type with a short form in files, or "".
func BriefOf(t reflect.Type) string {
	if b, ok := reflect.New(t).Interface().(brief); ok && t.Kind() == reflect.Struct {
		return b.briefly()
	}
	return ""
}

// brief decodes the short form of a mapping.
func (d decoder) brief(n *yaml.Node, v reflect.Value, path, name string) {
	fields := fieldsOf(v.Type())
	i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
	d.decode(n, v.FieldByIndex(fields[i].index), path, fields[i].rule)
}

// briefJSON writes the short form if no other field is set.
func briefJSON(whole any, name string) ([]byte, error) {
	data, err := json.Marshal(whole)
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	if alone, ok := all[name]; ok && len(all) == 1 {
		return alone, nil
	}
	return data, nil
}

// fromBriefJSON reads both forms.
func fromBriefJSON(data []byte, whole any, name string) error {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		data = slices.Concat([]byte(`{"`+name+`":`), data, []byte("}"))
	}
	return json.Unmarshal(data, whole)
}
