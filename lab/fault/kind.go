package fault

import (
	"fmt"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

// Kind says what a fault does. Scenario files and the command line name the same kinds.
type Kind = scenario.FaultKind

// About describes a kind.
type About = scenario.AboutFault

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

// Kinds describes every kind, in the order of the documentation.
func Kinds() []About { return scenario.FaultKinds() }

// about describes one kind. It reports false for an unknown kind.
func about(k Kind) (About, bool) { return scenario.AboutFaultKind(k) }

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
