package fault

import (
	"encoding/json"
	"fmt"

	"skidpad.dev/skidpad/lab/scenario"
)

// Made is an injected fault. The JSON is {id, kind, node} with the options as further fields.
type Made struct {
	ID string
	Fault
	// kind and node belong to an unknown fault: another version of this program wrote the record.
	kind, node string
	rest       map[string]json.RawMessage
}

// Kind is the fault's name: linkDown.
func (m Made) Kind() string {
	if m.Fault == nil {
		return m.kind
	}
	return NameOf(m.Fault)
}

// Node is the fault's target.
func (m Made) Node() string {
	if m.Fault == nil {
		return m.node
	}
	return TargetOf(m.Fault)
}

// String describes the fault in a few words.
func (m Made) String() string {
	if m.Fault == nil {
		return m.kind + " " + m.node
	}
	return m.Fault.String()
}

// about describes the member. An unknown fault has no description.
func (m Made) about() About {
	if m.Fault == nil {
		return About{}
	}
	return m.About()
}

// MarshalJSON writes the fault.
func (m Made) MarshalJSON() ([]byte, error) {
	all := map[string]any{"id": m.ID, "kind": m.Kind(), "node": m.Node()}
	if m.Fault != nil {
		for _, o := range Options(m.Fault) {
			if o.Set() {
				all[o.Name] = o.Value
			}
		}
	}
	for name, value := range m.rest {
		all[name] = value
	}
	return json.Marshal(all)
}

// UnmarshalJSON reads the fault; bind finds the member.
func (m *Made) UnmarshalJSON(data []byte) error {
	*m = Made{}
	if err := json.Unmarshal(data, &m.rest); err != nil {
		return err
	}
	for name, to := range map[string]*string{"id": &m.ID, "kind": &m.kind, "node": &m.node} {
		if value, ok := m.rest[name]; ok {
			if err := json.Unmarshal(value, to); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		delete(m.rest, name)
	}
	return nil
}

// bind gives the fault the type of the member. A fault without a member of the same name stays unknown.
func (m *Made) bind(known []scenario.Member) error {
	for _, k := range known {
		f, ok := k.New().(Fault)
		if !ok || k.Name != m.kind {
			continue
		}
		m.rest[m.kind], _ = json.Marshal(m.node) // a string is never refused
		data, err := json.Marshal(m.rest)
		if err == nil {
			err = json.Unmarshal(data, f)
		}
		if err != nil {
			return err
		}
		*m = Made{ID: m.ID, Fault: f}
	}
	return nil
}
