package scenario

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// PodOrigin is a pod as the source of packets: the pod of a workload on a node.
type PodOrigin struct{ Workload, Node string }

// ParsePodOrigin reads pod/W@NODE, and reports whether the text has this form.
func ParsePodOrigin(s string) (PodOrigin, bool) {
	rest, ok := strings.CutPrefix(s, "pod/")
	workload, node, at := strings.Cut(rest, "@")
	return PodOrigin{workload, node}, ok && at && workload != "" && node != ""
}

// Origin checks the sender of packets: a client, a router, a node of the cluster, or a workload's pod on a node.
func (v *Validation) Origin(path, from string) {
	known := v.Senders()
	switch p, isPod := ParsePodOrigin(from); {
	case from == "" || slices.Contains(known, from):
	case isPod:
		v.Workload(path, p.Workload)
		if nodes := v.spec.NodeNames(); !slices.Contains(nodes, p.Node) {
			v.Unknown(path, p.Node, "node", nodes)
		}
	default:
		v.Add(path, "seen %q, want %s, or a workload's pod on a node, such as pod/echo@worker", from, oneOf("client, router or node", known))
	}
}

// expandGroups replaces the groups all, workers and controlPlanes in every field Nodes below a value by their nodes.
func (s *Spec) expandGroups(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			s.expandGroups(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			s.expandGroups(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			s.expandField(v.Type().Field(i), v.Field(i))
		}
	}
}

func (s *Spec) expandField(f reflect.StructField, v reflect.Value) {
	if !v.CanInterface() {
		if f.Anonymous {
			s.expandGroups(v)
		}
		return
	}
	switch names := v.Addr().Interface().(type) {
	case *[]string:
		if f.Name == "Nodes" {
			*names = s.grouped(*names)
		}
	case *NodeNames:
		if !names.All() {
			*names = s.grouped(*names)
		}
	default:
		s.expandGroups(v)
	}
}

// grouped returns a list with the nodes of each group in place of the group. A group without nodes stays.
func (s *Spec) grouped(names []string) []string {
	if !slices.ContainsFunc(names, isGroup) {
		return names
	}
	var all []string
	for _, name := range names {
		nodes := slices.DeleteFunc(s.NodeNames(), func(node string) bool { return !NodeSettings{Name: name}.of(node) })
		if isGroup(name) && len(nodes) > 0 {
			all = append(all, nodes...)
		} else {
			all = append(all, name)
		}
	}
	return all
}

func isGroup(name string) bool { return slices.Contains(groups, name) }

// Nodes checks that every name is the name of a cluster node.
func (v *Validation) Nodes(path string, all []string) {
	v.Repeated(path, all)
	known := v.spec.NodeNames()
	for i, name := range all {
		if name != "" && !slices.Contains(known, name) {
			v.Unknown(fmt.Sprintf("%s[%d]", path, i), name, "node", known)
		}
	}
}
