package scenario

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// FaultKind names a kind of fault, as files and the command line spell it: linkDown.
type FaultKind string

// FaultTarget is the sort of thing that a kind of fault disturbs.
type FaultTarget int

// The targets of faults.
const (
	FaultOnAnyNode FaultTarget = iota // node, router, gateway's member or client
	FaultOnRouter
	FaultOnClusterNode
	FaultOnLease
	FaultOnWorkload
)

// String names the target in an error.
func (t FaultTarget) String() string {
	return [...]string{"node, router, gateway's member or client", "router", "cluster node", "lease", "workload"}[t]
}

// FaultPeer is the sort of peer that a kind of fault takes.
type FaultPeer int

// The peers of faults.
const (
	FaultWithoutPeer  FaultPeer = iota
	FaultPeerNode               // another node of the lab
	FaultPeerNeighbor           // a node, a gateway or an address
	FaultPeerSpeaker            // a router, a cluster node, "nodes" or an address
)

// AboutFault describes a kind of fault. The decoder, the validation and lab/fault read the same description.
type AboutFault struct {
	Kind     FaultKind `json:"kind"`
	Target   string    `json:"target"` // names On
	Needs    []string  `json:"needs,omitempty"`
	Takes    []string  `json:"takes,omitempty"` // besides Needs
	Lasts    bool      `json:"lasts"`           // stays until it is cleared and takes for; else the fault is over at once
	What     string    `json:"what"`
	Requires string    `json:"requires,omitempty"` // kernel options, for faults that only some hosts can make

	On    FaultTarget `json:"-"`
	Peers FaultPeer   `json:"-"`
	// OneLink marks a kind that disturbs one link: it needs a network on a node with several.
	OneLink bool `json:"-"`
	// Everywhere marks a kind that takes AllNodes for its node.
	Everywhere bool `json:"-"`
}

// netdevOptions are the kernel options for dropping on devices in both directions (egress since Linux 5.16).
const netdevOptions = "NF_TABLES_NETDEV, NETFILTER_INGRESS, NETFILTER_EGRESS"

// FaultKinds describes every kind of fault, in the order of the documentation.
func FaultKinds() []AboutFault {
	list := []AboutFault{
		{Kind: "kill", What: "a power cut: a container's links down, then SIGKILL to it and to what lives in its namespaces", Lasts: true},
		{Kind: "stop", What: "an orderly end of a container: asked to, and killed after 10 s", Lasts: true},
		{Kind: "pause", What: "all processes frozen; the kernel goes on forwarding", Lasts: true},
		{Kind: "restart", What: "stopped and started, with the address it had"},
		{Kind: "killProcess", Needs: []string{"process"}, Everywhere: true, What: "SIGKILL to a process; its supervisor, if any, starts it again", Lasts: true},
		{Kind: "pauseProcess", Needs: []string{"process"}, What: "SIGSTOP to a process", Lasts: true},
		{Kind: "linkDown", Takes: []string{"network"}, OneLink: true, What: "its link on a network down", Lasts: true},
		{Kind: "flap", Needs: []string{"interval"}, Takes: []string{"network"}, OneLink: true, What: "its link down and up, each for the interval", Lasts: true},
		{Kind: "partition", Needs: []string{"peer"}, Takes: []string{"network", "direction"}, Peers: FaultPeerNode, What: "nothing passes between it and a peer", Lasts: true, Requires: netdevOptions},
		{Kind: "drop", Needs: []string{"proto"}, Takes: []string{"network", "peer", "direction"}, Peers: FaultPeerNode, What: "one protocol does not pass: bgp, bfd, vrrp or arp", Lasts: true, Requires: netdevOptions},
		{Kind: "loss", Needs: []string{"percent"}, Takes: []string{"network", "direction"}, What: "packets dropped at random", Lasts: true, Requires: netdevOptions + ", NFT_NUMGEN"},
		{Kind: "rateLimit", Needs: []string{"rate"}, Takes: []string{"network"}, What: "what it sends is limited to a rate such as 10mbit", Lasts: true, Requires: "NET_SCH_TBF"},
		{Kind: "latency", Needs: []string{"delay"}, Takes: []string{"network", "jitter"}, What: "what it sends is delayed", Lasts: true, Requires: "NET_SCH_NETEM"},
		{Kind: "staleNeighbor", Needs: []string{"peer"}, Takes: []string{"network"}, Peers: FaultPeerNeighbor, What: "a wrong MAC for a peer, until the kernel asks again", Lasts: true},
		{Kind: "wrongNeighbor", Needs: []string{"peer"}, Takes: []string{"network"}, Peers: FaultPeerNeighbor, What: "a wrong MAC for a peer, for good", Lasts: true},
		{Kind: "bgpShut", On: FaultOnRouter, Takes: []string{"peer"}, Peers: FaultPeerSpeaker, What: "BGP sessions shut down: all, or one peer's", Lasts: true},
		{Kind: "bgpClear", On: FaultOnRouter, Takes: []string{"peer"}, Peers: FaultPeerSpeaker, What: "BGP sessions reset: all, or one peer's"},
		{Kind: "bgpSoftClear", On: FaultOnRouter, Takes: []string{"peer"}, Peers: FaultPeerSpeaker, What: "routes asked for and sent anew; sessions stay"},
		{Kind: "cordon", On: FaultOnClusterNode, What: "no new pods on a node", Lasts: true},
		{Kind: "drain", On: FaultOnClusterNode, What: "cordoned, and its pods evicted but those of DaemonSets", Lasts: true},
		{Kind: "deleteLease", On: FaultOnLease, What: "a Lease deleted: NAMESPACE/NAME, or a name in kube-system"},
		{Kind: "cutAPI", On: FaultOnClusterNode, What: "nothing passes between a node, with its pods, and the API server", Lasts: true, Requires: netdevOptions},
		{Kind: "scaleToZero", On: FaultOnWorkload, What: "a workload's Deployment scaled to no pods", Lasts: true},
	}
	for i := range list {
		list[i].Target = list[i].On.String()
	}
	return list
}

// AboutFaultKind describes one kind. It reports false for an unknown kind.
func AboutFaultKind(k FaultKind) (AboutFault, bool) {
	all := FaultKinds()
	i := slices.IndexFunc(all, func(a AboutFault) bool { return a.Kind == k })
	if i < 0 {
		return AboutFault{}, false
	}
	return all[i], true
}

// May reports whether the kind takes a field besides its node.
func (a AboutFault) May(field string) bool {
	return slices.Contains(a.Needs, field) || slices.Contains(a.Takes, field) || field == "for" && a.Lasts
}

// About describes the fault's kind. It reports false if no kind is set.
func (f Fault) About() (AboutFault, bool) {
	verb, _ := f.Verb()
	return AboutFaultKind(FaultKind(verb))
}

// Verb returns the kind that is set and the name of its target. Both are empty if no kind is set.
func (f Fault) Verb() (verb, node string) {
	for _, v := range f.verbs() {
		if v.node != "" {
			return v.name, v.node
		}
	}
	return "", ""
}

type faultVerb struct{ name, node string }

// verbs are the fields that name a kind, in the order of FaultKinds.
func (f Fault) verbs() []faultVerb {
	names := map[string]string{}
	for _, o := range f.fields() {
		names[o.name], _ = o.value.Interface().(string)
	}
	var all []faultVerb
	for _, a := range FaultKinds() {
		all = append(all, faultVerb{string(a.Kind), names[string(a.Kind)]})
	}
	return all
}

// faultField is one field of a fault with its value.
type faultField struct {
	name  string
	value reflect.Value
}

// String spells the value as a scenario file does.
func (o faultField) String() string { return fmt.Sprint(o.value.Interface()) }

func (f Fault) fields() []faultField {
	v := reflect.ValueOf(f)
	var all []faultField
	for _, x := range fieldsOf(v.Type()) {
		all = append(all, faultField{x.name, v.FieldByIndex(x.index)})
	}
	return all
}

// options are the fields that do not name a kind.
func (f Fault) options() []faultField {
	return slices.DeleteFunc(f.fields(), func(o faultField) bool {
		_, isKind := AboutFaultKind(FaultKind(o.name))
		return isKind
	})
}

// String describes the fault in a few words: kill r1; link fabric of r1 down; latency of r1 (delay 50ms).
func (f Fault) String() string {
	words, said := f.words()
	var rest []string
	for _, o := range f.options() {
		if !o.value.IsZero() && !slices.Contains(said, o.name) {
			rest = append(rest, o.name+" "+o.String())
		}
	}
	if len(rest) == 0 {
		return words
	}
	return words + " (" + strings.Join(rest, ", ") + ")"
}

// words describes the fault by its kind, and returns the fields that the words contain.
func (f Fault) words() (words string, said []string) {
	verb, node := f.Verb()
	switch verb {
	case "linkDown":
		return strings.ReplaceAll(fmt.Sprintf("link %s of %s down", f.Network, node), "  ", " "), []string{"network"}
	case "killProcess":
		if node == AllNodes {
			node = "all nodes"
		}
		return fmt.Sprintf("kill %s on %s", f.Process, node), []string{"process"}
	case "pauseProcess":
		return fmt.Sprintf("pause %s on %s", f.Process, node), []string{"process"}
	case "partition":
		return fmt.Sprintf("partition %s from %s", node, f.Peer), []string{"peer"}
	case "drop":
		return fmt.Sprintf("drop %s at %s", f.Proto, strings.TrimSpace(node+" "+f.Direction)), []string{"proto", "direction"}
	case "loss", "latency":
		return verb + " at " + node, nil
	case "rateLimit":
		return "rate limit of " + node, nil
	case "staleNeighbor":
		return fmt.Sprintf("stale neighbour %s on %s", f.Peer, node), []string{"peer"}
	case "wrongNeighbor":
		return fmt.Sprintf("wrong neighbour %s on %s", f.Peer, node), []string{"peer"}
	case "cutAPI":
		return "cut " + node + " from the API server", nil
	case "bgpShut":
		return "shut the sessions of " + node, nil
	case "bgpClear":
		return "reset the sessions of " + node, nil
	case "bgpSoftClear":
		return "refresh the routes of " + node, nil
	case "deleteLease":
		return "delete lease " + node, nil
	case "scaleToZero":
		return "scale " + node + " to zero", nil
	}
	return verb + " " + node, nil
}

// ParseRate reads bits a second as tc(8) spells them, such as 500kbit or 10mbit, and returns bytes a second.
func ParseRate(s string) (uint64, error) {
	for _, unit := range []struct {
		suffix string
		bits   float64
	}{{"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"bit", 1}} {
		number, ok := strings.CutSuffix(strings.ToLower(s), unit.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(number, 64)
		if bytes := v * unit.bits / 8; err == nil && bytes >= 1000 && bytes < 1<<32 {
			return uint64(bytes), nil
		}
		break
	}
	return 0, fmt.Errorf("seen %q, want bits a second from 8kbit to 30gbit, such as 500kbit or 10mbit", s)
}
