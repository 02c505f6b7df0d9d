package metallb

import "skidpad.dev/skidpad/lab/bound"

// AnnouncesByARP reports whether nodes answer ARP for LoadBalancer addresses.
func (m *Addon) AnnouncesByARP() bool { return m.L2 != nil }

// AnnouncerLost returns the bound of the outage when the announcing node dies: the speakers notice by gossip, or Kubernetes calls
// the node not ready.
func (m *Addon) AnnouncerLost(nodes int) bound.Bound {
	if gossip := m.L2.Memberlist; gossip != nil && !*gossip {
		return bound.NodeLost(bound.NodeGrace, bound.NodePeriod)
	}
	return bound.LANMemberlist(nodes).Lost()
}
