package bound

import (
	"fmt"
	"time"
)

// Kubernetes' own times, where a cluster does not say otherwise.
const (
	// NodeGrace is how long the controller manager waits for a node's heartbeat before it calls the node's pods not
	// ready: --node-monitor-grace-period, 50 s since Kubernetes 1.32.
	NodeGrace = 50 * time.Second
	// NodePeriod is how often it looks: --node-monitor-period.
	NodePeriod = 5 * time.Second
	// RestartTime is Cilium's restartTimeSeconds, where CiliumBGPPeerConfig does not say otherwise.
	RestartTime = 120 * time.Second
	// leaseJitter is by how much a candidate's pause between tries may exceed the retry period: client-go's
	// leaderelection.JitterFactor.
	leaseJitter = 1.2
)

// Lease is how an elected node keeps its place, and how others get it.
type Lease struct {
	Duration, RenewDeadline, RetryPeriod time.Duration
}

// Lost bounds the outage when the holder of a lease dies. It renews every retry period. A candidate sees a renewal at one
// of its tries, counts the lease's duration from there, and takes the lease at its next try; its tries are up to
// (1 + 1.2) retry periods apart. Candidates compare records as JSON, in which times are whole seconds: of several
// renewals in a second they see only the first, so the one that they count from may be a second older. The renew
// deadline is not part of it: it is for a holder that lives but cannot reach the API server.
func (l Lease) Lost() Bound {
	pause := time.Duration((1 + leaseJitter) * float64(l.RetryPeriod))
	most, oldest, why := l.Duration+2*pause, l.RetryPeriod, l.RetryPeriod.String()
	if l.RetryPeriod < time.Second {
		oldest, why = oldest+time.Second, why+" − 1s"
	}
	return Bound{
		Min: max(0, l.Duration-oldest), Max: most,
		Formula: fmt.Sprintf("%s + 2 × (1 + 1.2) × %s = %s; at least %s − %s = %s", l.Duration, l.RetryPeriod, short(most),
			l.Duration, why, short(max(0, l.Duration-oldest))),
		Source: "client-go tools/leaderelection (JitterFactor 1.2; LeaseLock.Get); Cilium documentation, L2 Announcements",
		Terms: []Term{{"lease duration", l.Duration.String()}, {"renew deadline", l.RenewDeadline.String()},
			{"retry period", l.RetryPeriod.String()}},
	}
}

// Endpoint is how an endpoint's end becomes known.
type Endpoint struct {
	Detect time.Duration // until the API has it: 0 for a pod that is deleted
	Batch  time.Duration // EndpointSlice controller: --endpoint-updates-batch-period, 0 by default
	MRAI   time.Duration // the speakers' minimum route advertisement interval
}

// Withdrawn bounds how long after an endpoint's end the last route to it is withdrawn.
func (e Endpoint) Withdrawn() Bound {
	most := e.Detect + e.Batch + e.MRAI
	return Bound{
		Max:     most,
		Formula: fmt.Sprintf("detection %s + EndpointSlice batch %s + MRAI %s = %s", e.Detect, e.Batch, e.MRAI, short(most)),
		Source:  "RFC 4271, 9.2.1.1; kube-controller-manager --endpoint-updates-batch-period",
		Terms:   []Term{{"detection", e.Detect.String()}, {"batch period", e.Batch.String()}, {"MRAI", e.MRAI.String()}},
	}
}

// NodeLost bounds how long endpoints of a node that fell silent are still chosen: until the node's heartbeats have been
// missing for the grace period, which is looked at once a period.
func NodeLost(grace, period time.Duration) Bound {
	return Bound{
		Min: grace - 10*time.Second, Max: grace + period,
		Formula: fmt.Sprintf("node monitor grace %s + period %s = %s", grace, period, short(grace+period)),
		Source:  "kube-controller-manager --node-monitor-grace-period, --node-monitor-period",
		Terms:   []Term{{"node monitor grace period", grace.String()}, {"node monitor period", period.String()}},
	}
}
