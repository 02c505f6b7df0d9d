package matrix

import (
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/scenario"
)

// Cells returns all cells of the table, without equivalent combinations: policies do not apply to a pod's own address,
// and neither a ClusterIP nor a node port is announced by ARP.
func Cells() []Cell {
	var all []Cell
	for _, family := range Families() {
		for _, proto := range []record.Proto{record.HTTP, record.UDP} {
			for _, from := range Froms() {
				all = append(all, ofSender(Cell{From: from, Family: family, Proto: proto})...)
			}
		}
	}
	return all
}

func ofSender(base Cell) []Cell {
	pod := base
	pod.To = scenario.TargetPod
	all := []Cell{pod}
	for _, v := range Variants() {
		all = append(all, ofVariant(base, v)...)
	}
	return all
}

func ofVariant(base Cell, v Variant) []Cell {
	base.External, base.Internal, base.Mode, base.Announce = v.External, v.Internal, v.Mode, v.Announce
	var all []Cell
	add := func(to scenario.Target, entry Entry) {
		c := base
		c.To, c.Entry = to, entry
		all = append(all, c)
	}
	// Policies do not apply to an ExternalIP from within the cluster, and each cell waits a second: two are enough.
	if base.From.outside() || v == (Variant{Cluster, Cluster, DSR, v.Announce}) {
		add(scenario.TargetExternalIP, "")
	}
	add(scenario.TargetLoadBalancer, "")
	if v.Announce == BGP {
		add(scenario.TargetClusterIP, "")
		add(scenario.TargetNodePort, AtPod)
		add(scenario.TargetNodePort, AtOther)
	}
	return all
}
