package matrix

import (
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/scenario"
)

// Source is the client address that the pod must see.
type Source string

// The sources.
const (
	Own       Source = "the sender's own address"
	Asked     Source = "the entry node's address"
	OwnOrNode Source = "the sender's own address, or the entry node's address if the pod is on another node"
)

// Failure is the required failure of a connection.
type Failure string

// The failures.
const (
	Refused     Failure = "refused"     // an answer reports a closed port: TCP reset or ICMP port unreachable
	Unreachable Failure = "unreachable" // a router, or the sender's own kernel, reports a missing route
	Unanswered  Failure = "unanswered"  // as Unreachable, or dropped silently on the way
)

// Outcome is the required outcome of a cell, and its source in the documentation.
type Outcome struct {
	Source  Source  `json:"source,omitempty"`  // of an answered cell
	Failure Failure `json:"failure,omitempty"` // of a failing cell
	Doc     string  `json:"doc"`
}

// String is the outcome in a sentence.
func (o Outcome) String() string {
	switch o.Failure {
	case "":
	case Unanswered:
		return "gets no answer"
	default:
		return "is told: " + string(o.Failure)
	}
	return "is answered, and the pod sees " + string(o.Source)
}

// The sources of outcomes.
const (
	docPods      = "Kubernetes, cluster networking: pods are reached without NAT"
	docPolicies  = "Cilium, Kubernetes without kube-proxy: table of traffic policies"
	docDSR       = "Cilium, Kubernetes without kube-proxy: direct server return"
	docSNAT      = "Cilium, Kubernetes without kube-proxy: client source IP preservation"
	docNoBackend = "Cilium, Helm reference: serviceNoBackendResponse=reject"
	docExternal  = "Cilium, Kubernetes without kube-proxy: ExternalIP mitigation for CVE-2020-8554"
	docL2        = "Cilium, L2 announcements: an address is announced on the local area network only"
)

// Expected is the outcome documented by Kubernetes and Cilium for the cell.
func (c Cell) Expected() Outcome {
	switch {
	case c.To == scenario.TargetPod:
		return Outcome{Source: Own, Doc: docPods}
	case !c.From.outside():
		return c.eastWest()
	case c.From == Beyond && c.Announce == L2 && c.Proto == record.UDP:
		// The router sends an ICMP error here, too, but a kernel does not report the error to a UDP socket (udp(7),
		// IP_RECVERR).
		return Outcome{Failure: Unanswered, Doc: docL2}
	case c.From == Beyond && c.Announce == L2:
		return Outcome{Failure: Unreachable, Doc: docL2}
	}
	return c.northSouth()
}

// eastWest is the outcome for a sender in the cluster. An external address, claimed by anybody, is not translated:
// packets from a pod or a node follow the node's routes, and on this way no node of this lab has a route to the
// address. For other addresses the internal traffic policy alone decides; the sender's own kernel chooses the pod at
// connect, so nothing is translated on the way.
func (c Cell) eastWest() Outcome {
	if c.To == scenario.TargetExternalIP {
		return Outcome{Failure: Unanswered, Doc: docExternal}
	}
	if c.Internal == Local && (c.From == NodeWithout || c.From == PodWithout) {
		return Outcome{Failure: Unreachable, Doc: docPolicies}
	}
	return Outcome{Source: Own, Doc: docPolicies}
}

// northSouth is the outcome of a connection via an entry node to a pod on another node.
func (c Cell) northSouth() Outcome {
	switch {
	case c.Entry == AtPod:
		return Outcome{Source: Own, Doc: docPolicies}
	case c.Entry == AtOther && c.External == Local:
		return Outcome{Failure: Refused, Doc: docNoBackend}
	case c.local():
		return Outcome{Source: Own, Doc: docPolicies}
	case c.Mode == DSR:
		return Outcome{Source: Own, Doc: docDSR}
	case c.Entry == AtOther, c.Announce == L2:
		return Outcome{Source: Asked, Doc: docSNAT}
	}
	return Outcome{Source: OwnOrNode, Doc: docSNAT}
}

// local reports whether only the pod's own node announces the cell's address.
func (c Cell) local() bool {
	if c.To == scenario.TargetClusterIP {
		return c.Internal == Local
	}
	return c.External == Local
}
