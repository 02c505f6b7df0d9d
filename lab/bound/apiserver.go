package bound

import (
	"fmt"
	"time"
)

// etcd's own times, which kubeadm leaves as they are: --heartbeat-interval and --election-timeout.
const (
	EtcdHeartbeat = 100 * time.Millisecond
	EtcdElection  = time.Second
)

// LeaderLost bounds how long etcd takes no writes when its leader falls silent: each follower waits for a time of its own,
// chosen between one and two election timeouts, since the last heartbeat; the first to have waited is elected. It is not
// zero only where the lost member was the leader. Two that stand for election at once, which is rare, take another round.
func LeaderLost(election time.Duration) Bound {
	return Bound{
		Max:     2 * election,
		Formula: fmt.Sprintf("etcd's leader lost: 2 × %s = %s", election, short(2*election)),
		Source:  "D. Ongaro, J. Ousterhout: In Search of an Understandable Consensus Algorithm, 5.2; etcd documentation, Tuning: Time parameters",
		Terms:   []Term{{"election timeout", election.String()}},
	}
}

// Hung bounds the outage when what the active router checks on itself hangs: the check that finds it begins up to one interval
// later, each takes until its timeout, and so many must fail; then the router's advertisements have a lower priority,
// which backups do not heed, so their timer runs out.
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
