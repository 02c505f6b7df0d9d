package addon

import (
	"context"
	"net/netip"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/node"
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

// Daemons names the addon's programs on the nodes. The ends and starts of the programs explain losses of packets.
type Daemons interface{ Daemons() []string }

// Released has releases in the lists of Go modules.
type Released interface {
	Releases() (versions, modules []string)
}

// Resources lists the custom resources of the addon's configuration.
type Resources interface {
	Resources() []schema.GroupVersionResource
}

// Shower lists shell commands that print the addon's state on a cluster node, for reports.
type Shower interface{ Show() []string }

// Service is an address of a Service in the forwarding state of a node.
type Service struct {
	Front  netip.AddrPort
	Proto  string           // tcp, udp
	Active []netip.AddrPort // the backends that get packets
}

// ServiceLister lists the Services in the forwarding state of a node.
type ServiceLister interface {
	scenario.ServiceLister
	NodeServices(ctx context.Context, n node.Node) ([]Service, error)
}

// FlowReporter reports flows via a relay, in Hubble's form.
type FlowReporter interface {
	scenario.FlowReporter
	// Relay names the relay's Service.
	Relay() (namespace, name string)
	// Observe is the command on a node that prints the flows from an address since a time.
	Observe(relay netip.AddrPort, from netip.Addr, since time.Time) []string
}

// With returns the first addon of a scenario with a power, or nil.
func With[T any](s *scenario.Spec) (first T) {
	for _, a := range s.Addons {
		if f, ok := a.Fields.(T); ok {
			return f
		}
	}
	return first
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
