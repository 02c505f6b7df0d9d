package scenario

import (
	"fmt"
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
