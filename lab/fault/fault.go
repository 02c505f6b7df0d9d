// Package fault disturbs a lab: nodes, links, protocols, BGP sessions, the cluster. Each fault is data with
// an undo, and is written down in the lab's own files before anything is touched, so that whoever comes
// later can list it and take it back. All of it happens in the lab's namespaces or through its API server.
package fault

import (
	"fmt"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

// Fault is a disturbance: what, where and for how long.
type Fault struct {
	// ID names a fault that was injected; it is given then.
	ID   string `json:"id,omitempty"`
	Kind Kind   `json:"kind"`
	// Node is what is disturbed, as the scenario calls it: r1, worker, client, or r1-gw for the member of
	// gateway gw on r1. It is a Lease for deleteLease and a workload for scaleToZero.
	Node string `json:"node"`
	// Network is the scenario's name. Where it may be left out, it is every network of the node's.
	Network string `json:"network,omitempty"`
	// Peer is the other end: a node of the lab; for BGP also "nodes", all cluster nodes together, or an
	// address; for neighbours also a gateway or an address.
	Peer    string `json:"peer,omitempty"`
	Process string `json:"process,omitempty"` // the program's name: bgpd, keepalived, cilium-agent
	Proto   string `json:"proto,omitempty"`   // bgp, bfd, vrrp or arp
	// Direction is in or out, as seen from Node; empty is both.
	Direction string            `json:"direction,omitempty"`
	Percent   float64           `json:"percent,omitempty"` // of packets, above 0 up to 100
	Rate      string            `json:"rate,omitempty"`    // bits a second as tc(8) spells them: 500kbit, 10mbit
	Delay     scenario.Duration `json:"delay,omitempty"`
	Jitter    scenario.Duration `json:"jitter,omitempty"`
	Interval  scenario.Duration `json:"interval,omitempty"`
	// For is after which time the fault is undone by itself; 0 is never.
	For scenario.Duration `json:"for,omitempty"`
}

// The directions, as seen from a fault's node.
const (
	DirectionIn  = "in"
	DirectionOut = "out"
)

// The protocols that drop knows.
const (
	ProtoBGP  = "bgp"  // TCP port 179 (RFC 4271)
	ProtoBFD  = "bfd"  // UDP ports 3784 and 3785 (RFC 5881) and 4784 (RFC 5883)
	ProtoVRRP = "vrrp" // IP protocol 112 (RFC 9568)
	ProtoARP  = "arp"
)

// Kill is a fault that kills a node, router, gateway's member or client.
func Kill(node string) Fault { return Fault{Kind: KindKill, Node: node} }

// KillProcess is a fault that kills a process of a node by its name.
func KillProcess(node, process string) Fault {
	return Fault{Kind: KindKillProcess, Node: node, Process: process}
}

// LinkDown is a fault that takes a node's link on a network down.
func LinkDown(node, network string) Fault {
	return Fault{Kind: KindLinkDown, Node: node, Network: network}
}

// Partition is a fault that parts two nodes, both ways, on all networks that they share.
func Partition(node, peer string) Fault {
	return Fault{Kind: KindPartition, Node: node, Peer: peer}
}

// Of returns the fault that a scenario's fault means.
func Of(f scenario.Fault) Fault {
	verb, node := f.Verb()
	return Fault{
		Kind: Kind(verb), Node: node, Network: f.Network, Peer: f.Peer, Process: f.Process, Proto: f.Proto, Direction: f.Direction,
		Percent: f.Percent, Rate: f.Rate, Delay: f.Delay, Jitter: f.Jitter, Interval: f.Interval, For: f.For,
	}
}

// String says what it does in a few words: linkDown r1 network=fabric for=5s.
func (f Fault) String() string {
	words := []string{string(f.Kind), f.Node}
	for _, v := range f.values() {
		if v.set {
			words = append(words, v.name+"="+v.text)
		}
	}
	return strings.Join(words, " ")
}

// value is one of a fault's optional fields.
type value struct {
	name string
	set  bool
	text string
}

// values are a fault's optional fields, in the order of their declaration.
func (f Fault) values() []value {
	return []value{
		{fieldNetwork, f.Network != "", f.Network},
		{fieldPeer, f.Peer != "", f.Peer},
		{fieldProcess, f.Process != "", f.Process},
		{fieldProto, f.Proto != "", f.Proto},
		{fieldDirection, f.Direction != "", f.Direction},
		{fieldPercent, f.Percent != 0, fmt.Sprint(f.Percent)},
		{fieldRate, f.Rate != "", f.Rate},
		{fieldDelay, f.Delay != 0, f.Delay.String()},
		{fieldJitter, f.Jitter != 0, f.Jitter.String()},
		{fieldInterval, f.Interval != 0, f.Interval.String()},
		{fieldFor, f.For != 0, f.For.String()},
	}
}
