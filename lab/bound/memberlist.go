package bound

import (
	"fmt"
	"math"
	"time"
)

// Memberlist is how a group of processes notices that one of them is gone, by gossip: hashicorp/memberlist, which MetalLB's
// speakers use with its defaults for a local network.
type Memberlist struct {
	Members                              int           // the dead one included
	ProbeInterval                        time.Duration // between a member's probes, each of one other member in turn
	SuspicionMult, SuspicionMaxTimesMult int
}

// LANMemberlist is memberlist's DefaultLANConfig.
func LANMemberlist(members int) Memberlist {
	return Memberlist{Members: members, ProbeInterval: time.Second, SuspicionMult: 4, SuspicionMaxTimesMult: 6}
}

// Lost bounds the outage when a member dies. Each survivor probes the others in turn, in an order that it shuffles after
// each round, so that up to 2(n−1)−1 probes may lie between two of the same member. A probe fails after the probe
// interval; the member is then suspected for the suspicion time, unless it answers. In a group of four and more the
// suspicion is up to six times as long until others confirm it. Members of ill health, which miss their own
// deadlines, wait longer; that is left out.
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
