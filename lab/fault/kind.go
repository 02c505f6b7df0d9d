package fault

import (
	"fmt"
	"slices"
	"strings"
)

// Kind says what a fault does.
type Kind string

// The kinds of fault. What a Fault's Node is for them, and which further fields they take, Kinds tells.
const (
	KindKill          Kind = "kill"          // links cut, then SIGKILL to the container; undone by starting it
	KindStop          Kind = "stop"          // SIGTERM, then SIGKILL: an orderly end
	KindPause         Kind = "pause"         // all processes frozen; the kernel forwards on
	KindRestart       Kind = "restart"       // stopped and started at once
	KindKillProcess   Kind = "killProcess"   // SIGKILL to a process by name; its supervisor may start it again
	KindPauseProcess  Kind = "pauseProcess"  // SIGSTOP to it
	KindLinkDown      Kind = "linkDown"      // its interface on a network set down
	KindFlap          Kind = "flap"          // that, and up again, each for an interval
	KindPartition     Kind = "partition"     // nothing passes between two nodes
	KindDrop          Kind = "drop"          // one protocol does not pass: bgp, bfd, vrrp or arp
	KindLoss          Kind = "loss"          // packets dropped at random
	KindRateLimit     Kind = "rateLimit"     // what it sends is limited (tc-tbf(8))
	KindLatency       Kind = "latency"       // what it sends is delayed (tc-netem(8))
	KindStaleNeighbor Kind = "staleNeighbor" // a neighbour's MAC is wrong until the kernel asks again
	KindWrongNeighbor Kind = "wrongNeighbor" // a neighbour's MAC is wrong for good
	KindBGPShut       Kind = "bgpShut"       // sessions shut down administratively
	KindBGPClear      Kind = "bgpClear"      // sessions reset
	KindBGPSoftClear  Kind = "bgpSoftClear"  // routes asked for and sent anew, sessions stay
	KindCordon        Kind = "cordon"        // no new pods on a node
	KindDrain         Kind = "drain"         // cordon, and its pods evicted
	KindDeleteLease   Kind = "deleteLease"   // a Lease deleted
	KindCutAPI        Kind = "cutAPI"        // a node's agents cannot reach the API server
	KindScaleToZero   Kind = "scaleToZero"   // a workload without pods
)

// The names of a fault's fields, as files and flags spell them.
const (
	fieldNetwork   = "network"
	fieldPeer      = "peer"
	fieldProcess   = "process"
	fieldProto     = "proto"
	fieldDirection = "direction"
	fieldPercent   = "percent"
	fieldRate      = "rate"
	fieldDelay     = "delay"
	fieldJitter    = "jitter"
	fieldInterval  = "interval"
	fieldFor       = "for"
)

// target is what a kind disturbs.
type target int

const (
	anyNode target = iota // node, router, gateway's member or client
	routerNode
	clusterNode
	lease
	workload
)

func (t target) String() string {
	return [...]string{"node, router, gateway's member or client", "router", "cluster node", "lease", "workload"}[t]
}

// About describes a kind.
type About struct {
	Kind     Kind     `json:"kind"`
	Target   string   `json:"target"` // what Fault.Node names
	Needs    []string `json:"needs,omitempty"`
	Takes    []string `json:"takes,omitempty"` // besides what it needs
	Lasts    bool     `json:"lasts"`           // stays until it is cleared; else it is over when it was injected
	What     string   `json:"what"`
	Requires string   `json:"requires,omitempty"` // kernel options, for what only some hosts can do

	on target
}

// Kinds describes every kind, in the order of the documentation.
func Kinds() []About {
	list := []About{
		{Kind: KindKill, What: "a power cut: a container's links down, then SIGKILL to it and to what lives in its namespaces", Lasts: true},
		{Kind: KindStop, What: "an orderly end of a container: asked to, and killed after 10 s", Lasts: true},
		{Kind: KindPause, What: "all processes frozen; the kernel goes on forwarding", Lasts: true},
		{Kind: KindRestart, What: "stopped and started, with the address it had"},
		{Kind: KindKillProcess, Needs: []string{fieldProcess}, What: "SIGKILL to a process; its supervisor, if any, starts it again", Lasts: true},
		{Kind: KindPauseProcess, Needs: []string{fieldProcess}, What: "SIGSTOP to a process", Lasts: true},
		{Kind: KindLinkDown, Takes: []string{fieldNetwork}, What: "its link on a network down", Lasts: true},
		{Kind: KindFlap, Needs: []string{fieldInterval}, Takes: []string{fieldNetwork}, What: "its link down and up, each for the interval", Lasts: true},
		{Kind: KindPartition, Needs: []string{fieldPeer}, Takes: []string{fieldNetwork, fieldDirection}, What: "nothing passes between it and a peer", Lasts: true, Requires: netdevOptions},
		{Kind: KindDrop, Needs: []string{fieldProto}, Takes: []string{fieldNetwork, fieldPeer, fieldDirection}, What: "one protocol does not pass: bgp, bfd, vrrp or arp", Lasts: true, Requires: netdevOptions},
		{Kind: KindLoss, Needs: []string{fieldPercent}, Takes: []string{fieldNetwork, fieldDirection}, What: "packets dropped at random", Lasts: true, Requires: netdevOptions + ", NFT_NUMGEN"},
		{Kind: KindRateLimit, Needs: []string{fieldRate}, Takes: []string{fieldNetwork}, What: "what it sends is limited to a rate such as 10mbit", Lasts: true, Requires: "NET_SCH_TBF"},
		{Kind: KindLatency, Needs: []string{fieldDelay}, Takes: []string{fieldNetwork, fieldJitter}, What: "what it sends is delayed", Lasts: true, Requires: "NET_SCH_NETEM"},
		{Kind: KindStaleNeighbor, Needs: []string{fieldPeer}, Takes: []string{fieldNetwork}, What: "a wrong MAC for a peer, until the kernel asks again", Lasts: true},
		{Kind: KindWrongNeighbor, Needs: []string{fieldPeer}, Takes: []string{fieldNetwork}, What: "a wrong MAC for a peer, for good", Lasts: true},
		{Kind: KindBGPShut, on: routerNode, Takes: []string{fieldPeer}, What: "BGP sessions shut down: all, or one peer's", Lasts: true},
		{Kind: KindBGPClear, on: routerNode, Takes: []string{fieldPeer}, What: "BGP sessions reset: all, or one peer's"},
		{Kind: KindBGPSoftClear, on: routerNode, Takes: []string{fieldPeer}, What: "routes asked for and sent anew; sessions stay"},
		{Kind: KindCordon, on: clusterNode, What: "no new pods on a node", Lasts: true},
		{Kind: KindDrain, on: clusterNode, What: "cordoned, and its pods evicted but those of DaemonSets", Lasts: true},
		{Kind: KindDeleteLease, on: lease, What: "a Lease deleted: NAMESPACE/NAME, or a name in kube-system"},
		{Kind: KindCutAPI, on: clusterNode, What: "nothing passes between a node, with its pods, and the API server", Lasts: true, Requires: netdevOptions},
		{Kind: KindScaleToZero, on: workload, What: "a workload's Deployment scaled to no pods", Lasts: true},
	}
	for i := range list {
		list[i].Target = list[i].on.String()
	}
	return list
}

// about describes one kind; it reports false for a kind that there is not.
func about(k Kind) (About, bool) {
	all := Kinds()
	i := slices.IndexFunc(all, func(a About) bool { return a.Kind == k })
	if i < 0 {
		return About{}, false
	}
	return all[i], true
}

// ParseKind reads a kind in any spelling of its words: linkDown, link-down, LinkDown.
func ParseKind(s string) (Kind, error) {
	var names []string
	for _, a := range Kinds() {
		if plain(string(a.Kind)) == plain(s) {
			return a.Kind, nil
		}
		names = append(names, string(a.Kind))
	}
	return "", fmt.Errorf("fault %q: there is no such kind; wanted is one of: %s", s, strings.Join(names, ", "))
}

func plain(s string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(s))
}
