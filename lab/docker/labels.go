package docker

import (
	"maps"
	"strings"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/node"
)

// The labels that every object of a lab carries.
const (
	LabelLab  = "dev.skidpad.lab"  // the lab's name
	LabelRole = "dev.skidpad.role" // router, gateway, client, node or network
	LabelNode = "dev.skidpad.node" // the name in the scenario
)

// RoleNetwork is the role of a lab's networks; those of containers are node.Kind.
const RoleNetwork = "network"

// LabelKindCluster is kind's own label, the only one on the containers that kind makes.
const LabelKindCluster = "io.x-k8s.kind.cluster"

// kindPrefix comes before the lab's name in the name of its kind cluster.
const kindPrefix = "skidpad-"

// labels joins a lab's own labels with further ones, which cannot override them.
func labels(lab, role, name string, extra map[string]string) map[string]string {
	all := make(map[string]string, len(extra)+3)
	maps.Copy(all, extra)
	all[LabelLab], all[LabelRole], all[LabelNode] = lab, role, name
	return all
}

// labOf says which lab an object with these labels belongs to; "" is none of ours.
func labOf(l map[string]string) string {
	if lab := l[LabelLab]; lab != "" {
		return lab
	}
	if lab, ours := strings.CutPrefix(l[LabelKindCluster], kindPrefix); ours {
		return lab
	}
	return ""
}

// roleOf is the role of a container with these labels; kind's containers are cluster nodes.
func roleOf(l map[string]string) string {
	if role := l[LabelRole]; role != "" || l[LabelKindCluster] == "" {
		return role
	}
	return string(node.KindCluster)
}

// labelled filters a listing by one label, with a value or, where that is "", with any.
func labelled(label, value string) client.Filters {
	if value != "" {
		label += "=" + value
	}
	return make(client.Filters).Add("label", label)
}
