package docker

import (
	"maps"
	"strings"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/node"
)

// The labels on every object of a lab.
const (
	LabelLab  = "dev.skidpad.lab"  // the lab's name
	LabelRole = "dev.skidpad.role" // router, gateway, client, node or network
	LabelNode = "dev.skidpad.node" // the name in the scenario
)

// RoleNetwork is the role of a lab's networks; the roles of containers are node.Kind.
const RoleNetwork = "network"

// LabelKindCluster is kind's own label, the only one on the containers that kind makes.
const LabelKindCluster = "io.x-k8s.kind.cluster"

// kindPrefix precedes the lab's name in the name of the lab's kind cluster.
const kindPrefix = "skidpad-"

// labels joins a lab's own labels with extra labels. Extra labels cannot override the lab's own.
func labels(lab, role, name string, extra map[string]string) map[string]string {
	all := make(map[string]string, len(extra)+3)
	maps.Copy(all, extra)
	all[LabelLab], all[LabelRole], all[LabelNode] = lab, role, name
	return all
}

// labOf returns the lab of an object with these labels, or "" if the object is not ours.
func labOf(l map[string]string) string {
	if lab := l[LabelLab]; lab != "" {
		return lab
	}
	if lab, ours := strings.CutPrefix(l[LabelKindCluster], kindPrefix); ours {
		return lab
	}
	return ""
}

// roleOf returns the role of a container with these labels; kind's containers are cluster nodes.
func roleOf(l map[string]string) string {
	if role := l[LabelRole]; role != "" || l[LabelKindCluster] == "" {
		return role
	}
	return string(node.KindCluster)
}

// labelled filters a listing by one label and its value; an empty value matches any value.
func labelled(label, value string) client.Filters {
	if value != "" {
		label += "=" + value
	}
	return make(client.Filters).Add("label", label)
}
