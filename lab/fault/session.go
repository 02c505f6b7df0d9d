package fault

import (
	"net/netip"
	"slices"
	"time"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// end is what one end of a session offers to the other end. A value that is not known is zero.
type end struct {
	hold, keepalive time.Duration
	bfd             *scenario.BFD
}

// endOf returns the end of a router.
func endOf(s *plan.Speaker, p plan.Peering) end {
	timers := s.TimersOf(p)
	return end{timers.HoldTime.Std(), timers.Keepalive.Std(), p.BFD}
}

// farEnds lists what the other end of a router's session offers. The session may be one of several with the same peer; sessions
// between the same two routers differ in their families.
func (c Case) farEnds(r plan.Router, n plan.Neighbor) []end {
	var all []end
	for _, far := range c.Plan.Routers {
		if far.Name != n.Name || far.BGP == nil {
			continue
		}
		for _, back := range far.BGP.Neighbors {
			if back.Name == r.Name && back.Address.Is4() == n.Address.Is4() {
				all = append(all, endOf(far.BGP, back.Peering))
			}
		}
		return all
	}
	return c.nodeEnds(r)
}

// nodeEnds lists what the cluster's nodes offer to a router. All sessions of an addon without a known speaker are unknown.
func (c Case) nodeEnds(r plan.Router) []end {
	if c.Plan.Scenario == nil {
		return nil
	}
	n := c.Plan.Scenario.Spec.NodeSpeaker()
	if n == nil {
		return nil
	}
	var all []end
	for _, p := range n.AllPeers() {
		if p.Router != r.Name && !owns(r, p.Address) {
			continue
		}
		e := end{hold: n.HoldTime.Std(), bfd: n.BFD}
		if p.BFD != nil {
			e.bfd = p.BFD
		}
		if t := p.Timers; t != nil {
			e.keepalive = t.Keepalive.Std()
			if t.HoldTime != 0 {
				e.hold = t.HoldTime.Std()
			}
		}
		all = append(all, e)
	}
	return all
}

// owns reports whether an address is the router's.
func owns(r plan.Router, at *netip.Addr) bool {
	return at != nil && slices.ContainsFunc(r.Networks, func(a plan.Attachment) bool { return slices.Contains(a.Addresses(), *at) })
}

// detection is the bound by which a router notices the silence of the other end: of BFD, else of the hold time. Without a known
// other end, the router's own values count for both ends. Several other ends give the longest bound.
func (c Case) detection(r plan.Router, p plan.Peering, far []end) (bound.Bound, bool) {
	near := endOf(r.BGP, p)
	if len(far) == 0 {
		far = []end{near}
	}
	byBFD := near.bfd != nil && c.proto != "bgp"
	var all []bound.Bound
	for _, f := range far {
		if byBFD {
			all = append(all, near.silenceByBFD(f))
		} else {
			all = append(all, near.silenceByHoldTime(f))
		}
	}
	return *worst(all), byBFD || c.proto != "bfd"
}

// silenceByBFD takes the other end's multiplier, and the slower of this end's receiving and the other end's sending (RFC 5880,
// 6.8.4).
func (e end) silenceByBFD(far end) bound.Bound {
	if far.bfd == nil {
		far.bfd = e.bfd
	}
	return bound.BFD(far.bfd.Multiplier, e.bfd.Interval.Std(), far.bfd.Interval.Std())
}

// silenceByHoldTime takes the smaller hold time of the two ends (RFC 4271, 4.2), and the other end's keepalives: at most a third
// of the hold time apart (4.4).
func (e end) silenceByHoldTime(far end) bound.Bound {
	hold, keepalive := e.hold, e.keepalive
	if far.hold != 0 {
		hold = min(hold, far.hold)
	}
	if far.keepalive != 0 {
		keepalive = far.keepalive
	}
	return bound.HoldTime(hold, min(keepalive, hold/3))
}
