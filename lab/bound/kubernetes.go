package bound

import (
	"fmt"
	"time"
)

// Kubernetes' default times, for clusters without their own settings.
const (
	// NodeGrace is the controller manager's wait for a node's heartbeat before the node's pods count as not ready:
	// --node-monitor-grace-period, 50 s since Kubernetes 1.32.
	NodeGrace = 50 * time.Second
	// NodePeriod is the interval of the controller manager's checks: --node-monitor-period.
	NodePeriod = 5 * time.Second
	// RestartTime is Cilium's restartTimeSeconds, unless CiliumBGPPeerConfig sets another value.
	RestartTime = 120 * time.Second
	// leaseJitter limits the random excess of a candidate's pause between tries over the retry period: client-go's
	// leaderelection.JitterFactor.
	leaseJitter = 1.2
)

// Lease holds the timers by which an elected node keeps the lease and other nodes take the lease.
type Lease struct {
	Duration, RenewDeadline, RetryPeriod time.Duration
}

// Lost bounds the outage when the holder of a lease dies. The holder renews every retry period. A candidate
// sees a renewal at one of its tries, counts the lease's duration from this try, and takes the lease at the
// next try. Tries are up to (1 + 1.2) retry periods apart. Candidates compare records as JSON, with times in
// whole seconds: of several renewals in one second, candidates see only the first, so the renewal seen may be
// a second older. The renew deadline is not included: the deadline concerns a living holder that cannot reach
// the API server.
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

// Endpoint holds the times until an endpoint's end becomes known.
type Endpoint struct {
	Detect time.Duration // until the API knows: 0 for a deleted pod
	Batch  time.Duration // EndpointSlice controller: --endpoint-updates-batch-period, 0 by default
	MRAI   time.Duration // the speakers' minimum route advertisement interval
}

// Withdrawn bounds the time from an endpoint's end to the withdrawal of the last route to the endpoint.
func (e Endpoint) Withdrawn() Bound {
	most := e.Detect + e.Batch + e.MRAI
	return Bound{
		Max:     most,
		Formula: fmt.Sprintf("detection %s + EndpointSlice batch %s + MRAI %s = %s", e.Detect, e.Batch, e.MRAI, short(most)),
		Source:  "RFC 4271, 9.2.1.1; kube-controller-manager --endpoint-updates-batch-period",
		Terms:   []Term{{"detection", e.Detect.String()}, {"batch period", e.Batch.String()}, {"MRAI", e.MRAI.String()}},
	}
}

// NodeLost bounds the time for which endpoints of a silent node are still chosen: until the node's heartbeats
// have been missing for the grace period. The controller manager checks once per period.
func NodeLost(grace, period time.Duration) Bound {
	return Bound{
		Min: grace - 10*time.Second, Max: grace + period,
		Formula: fmt.Sprintf("node monitor grace %s + period %s = %s", grace, period, short(grace+period)),
		Source:  "kube-controller-manager --node-monitor-grace-period, --node-monitor-period",
		Terms:   []Term{{"node monitor grace period", grace.String()}, {"node monitor period", period.String()}},
	}
}
