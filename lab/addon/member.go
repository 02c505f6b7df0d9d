package addon

import (
	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Fields is the part of a scenario file about a single addon, and the plan of the addon. The interfaces below, and the
// interfaces of lab/scenario, are for addons with further powers.
type Fields interface {
	scenario.AddonFields
	plan.AddonFields
}

// Member returns an addon for the list of all members.
func Member[T any, F interface {
	*T
	Fields
}](name string) scenario.Member {
	return scenario.Member{Name: name, New: func() scenario.Fields { return F(new(T)) }}
}

// Imager describes the addon's images for the catalogue.
type Imager interface{ Images() []image.Entry }

// Images returns the images of all addons.
func Images(addons []scenario.Member) []image.Entry {
	var all []image.Entry
	for _, m := range addons {
		if i, ok := m.New().(Imager); ok {
			all = append(all, i.Images()...)
		}
	}
	return all
}

// Announcer lets nodes answer ARP for LoadBalancer addresses.
type Announcer interface {
	scenario.ARPAnnouncer
	// AnnouncerLost returns the bound of the outage when the announcing node dies, in a cluster with this number of nodes.
	AnnouncerLost(nodes int) bound.Bound
}

// Leaser is an Announcer with a Lease for each workload. Via the Lease the nodes agree on the announcing node.
type Leaser interface {
	Lease(w plan.Workload) (namespace, name string)
}

// AnnouncerOf returns the addon that announces by ARP, or nil.
func AnnouncerOf(s *scenario.Spec) Announcer {
	for _, a := range s.Addons {
		if f, ok := a.Fields.(Announcer); ok && f.AnnouncesByARP() {
			return f
		}
	}
	return nil
}
