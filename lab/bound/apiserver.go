package bound

import (
	"fmt"
	"time"
)

// etcd's own times, unchanged by kubeadm: --heartbeat-interval and --election-timeout.
const (
	EtcdHeartbeat = 100 * time.Millisecond
	EtcdElection  = time.Second
)

// LeaderLost bounds the time in which etcd accepts no writes after the leader falls silent. Each follower
// waits since the last heartbeat for its own random time, between one and two election timeouts; the first
// follower whose time is over is elected. The outage is above zero only if the lost member was the leader. Two
// simultaneous candidates, a rare case, need another round.
func LeaderLost(election time.Duration) Bound {
	return Bound{
		Max:     2 * election,
		Formula: fmt.Sprintf("etcd's leader lost: 2 × %s = %s", election, short(2*election)),
		Source:  "D. Ongaro, J. Ousterhout: In Search of an Understandable Consensus Algorithm, 5.2; etcd documentation, Tuning: Time parameters",
		Terms:   []Term{{"election timeout", election.String()}},
	}
}

// Hung bounds the outage when the active router's check of itself hangs. The check that finds the fault begins
// up to one interval later, each check takes until its timeout, and the given number of checks must fail. Then
// the router advertises a lower priority. Backups ignore advertisements of lower priority, so their timer
// expires.
func (v VRRP) Hung(every, timeout time.Duration, failures int) Bound {
	detect := time.Duration(failures)*every + timeout
	return Bound{
		Max:     detect + v.down(),
		Formula: fmt.Sprintf("%d × %s + %s (checks) + 3 × %s + %s = %s", failures, every, timeout, v.Advert, v.skewText(), short(detect+v.down())),
		Source:  "RFC 9568, 6.4.2; keepalived.conf(5), vrrp_script",
		Terms: append(v.terms(), Term{"check interval", every.String()}, Term{"check timeout", timeout.String()},
			Term{"failures wanted", fmt.Sprint(failures)}),
	}
}
