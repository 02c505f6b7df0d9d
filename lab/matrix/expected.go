package matrix

import (
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/scenario"
)

// Source is whose address the pod must see.
type Source string

// The sources.
const (
	Own       Source = "the sender's own address"
	Asked     Source = "the address of the node that was asked"
	OwnOrNode Source = "the sender's own address, or that of another node than the pod's where such a one was asked"
)

// Failure is how a connection must fail.
type Failure string

// The failures.
const (
	Refused     Failure = "refused"     // an answer says that nobody listens: TCP reset or ICMP port unreachable
	Unreachable Failure = "unreachable" // a router, or the sender's own kernel, says that there is no way
	Unanswered  Failure = "unanswered"  // as Unreachable, or dropped on the way without a word
)

// Outcome is what must come of a cell, and which document says so.
type Outcome struct {
	Source  Source  `json:"source,omitempty"`  // where it is answered
	Failure Failure `json:"failure,omitempty"` // where it is not
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

// The documents that outcomes come from.
const (
	docPods      = "Kubernetes, cluster networking: pods are reached without NAT"
	docPolicies  = "Cilium, Kubernetes without kube-proxy: table of traffic policies"
	docDSR       = "Cilium, Kubernetes without kube-proxy: direct server return"
	docSNAT      = "Cilium, Kubernetes without kube-proxy: client source IP preservation"
	docNoBackend = "Cilium, Helm reference: serviceNoBackendResponse=reject"
	docExternal  = "Cilium, Kubernetes without kube-proxy: ExternalIP mitigation for CVE-2020-8554"
	docL2        = "Cilium, L2 announcements: an address is announced on the local area network only"
)

// Expected is what Kubernetes and Cilium document for the cell.
func (c Cell) Expected() Outcome {
	switch {
	case c.To == scenario.TargetPod:
		return Outcome{Source: Own, Doc: docPods}
	case !c.From.outside():
		return c.eastWest()
	case c.From == Beyond && c.Announce == L2 && c.Proto == record.UDP:
		// The router says so here, too, but a kernel does not tell a UDP socket of it (udp(7), IP_RECVERR).
		return Outcome{Failure: Unanswered, Doc: docL2}
	case c.From == Beyond && c.Announce == L2:
		return Outcome{Failure: Unreachable, Doc: docL2}
	}
	return c.northSouth()
}

// eastWest: a sender in the cluster is not led to an external address, which anybody may claim: what a pod or a node sends there goes where
// the node's routes lead, and in this lab nobody who has a route for it is on that way. Otherwise the internal traffic policy alone decides, at whichever address the service is asked; the sender's
// own kernel chooses the pod when it connects, so nothing is translated on the way.
func (c Cell) eastWest() Outcome {
	if c.To == scenario.TargetExternalIP {
		return Outcome{Failure: Unanswered, Doc: docExternal}
	}
	if c.Internal == Local && (c.From == NodeWithout || c.From == PodWithout) {
		return Outcome{Failure: Unreachable, Doc: docPolicies}
	}
	return Outcome{Source: Own, Doc: docPolicies}
}

// northSouth: what the node that is asked does with a connection for a pod elsewhere.
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

// local reports whether the cell's address is announced by the pod's own node alone.
func (c Cell) local() bool {
	if c.To == scenario.TargetClusterIP {
		return c.Internal == Local
	}
	return c.External == Local
}
