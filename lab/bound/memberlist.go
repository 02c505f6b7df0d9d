package bound

import (
	"fmt"
	"math"
	"time"
)

// Memberlist holds the timers by which a group of processes detects the loss of a member by gossip:
// hashicorp/memberlist. MetalLB's speakers use memberlist with the defaults for a local network.
type Memberlist struct {
	Members                              int           // including the dead member
	ProbeInterval                        time.Duration // between a member's probes, each of one other member in turn
	SuspicionMult, SuspicionMaxTimesMult int
}

// LANMemberlist is memberlist's DefaultLANConfig.
func LANMemberlist(members int) Memberlist {
	return Memberlist{Members: members, ProbeInterval: time.Second, SuspicionMult: 4, SuspicionMaxTimesMult: 6}
}

// Lost bounds the outage when a member dies. Each survivor probes the other members in turn, in an order
// shuffled after each round, so up to 2(n−1)−1 probes may lie between two probes of the same member. A probe
// fails after the probe interval; then the member is suspected for the suspicion time, unless the member
// answers. In a group of at least four, the suspicion lasts up to six times as long until other members
// confirm the suspicion. Unhealthy members, which miss their own deadlines, wait longer; the bound leaves this
// case out.
func (m Memberlist) Lost() Bound {
	scale := max(1, math.Log10(float64(max(1, m.Members))))
	suspicion := time.Duration(float64(m.SuspicionMult) * scale * float64(m.ProbeInterval))
	most, text := suspicion, ""
	if m.Members-2 >= m.SuspicionMult-2 {
		most = time.Duration(m.SuspicionMaxTimesMult) * suspicion
		text = fmt.Sprintf(" × at most %d until it is confirmed", m.SuspicionMaxTimesMult)
	}
	turn := time.Duration(2*(m.Members-1)-1) * m.ProbeInterval
	longest := turn + m.ProbeInterval + most
	return Bound{
		Min: m.ProbeInterval + suspicion, Max: longest,
		Formula: fmt.Sprintf("%d × %s until its turn to be probed + %s until the probe has failed + suspicion %d × %s%s = %s",
			2*(m.Members-1)-1, m.ProbeInterval, m.ProbeInterval, m.SuspicionMult, m.ProbeInterval, text, short(longest)),
		Source: "hashicorp/memberlist DefaultLANConfig, probe and suspectNode; MetalLB documentation, layer 2 mode",
		Terms: []Term{{"members", fmt.Sprint(m.Members)}, {"probe interval", m.ProbeInterval.String()},
			{"suspicion multiplier", fmt.Sprint(m.SuspicionMult)}},
	}
}
