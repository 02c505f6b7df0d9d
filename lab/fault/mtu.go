package fault

import (
	"context"
	"encoding/json"
	"fmt"

	"skidpad.dev/skidpad/lab/scenario"
)

// leastMTU6 is the least MTU of a link with IPv6 (RFC 8200, 5). If the MTU is smaller, Linux takes the IPv6 addresses off the
// link.
const leastMTU6 = 1280

// MTU changes the MTU of the node's link to Network. The other end of the link keeps its MTU, so the link loses larger packets
// to the node without a message. A node with one link needs no Network.
type MTU struct {
	Node string `json:"mtu"`
	// Network is the network of the link.
	Network string `json:"network,omitempty"`
	// Bytes is the size of the largest IP packet; with IPv6 at least 1280.
	Bytes int `json:"bytes" jsonschema:"minimum=68,maximum=65535" help:"the largest IP packet"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*MTU) About() About {
	return About{What: "the MTU of its link on a network changed", Unbounded: "large packets are lost as long as the fault lasts"}
}

// Validate checks the node, the network and the size.
func (f *MTU) Validate(v *scenario.Validation, path string) {
	oneLink(v, path, "mtu", f.Node, f.Network)
	if v.Spec().IPv6() && f.Bytes < leastMTU6 {
		v.Add(path+".bytes", "seen %d in a lab with IPv6, want at least %d", f.Bytes, leastMTU6)
	}
}

// String describes the fault.
func (f *MTU) String() string { return words(f, "MTU of "+f.Node) }

func (f *MTU) action(s spot) action { return &mtu{link{spot: s, network: f.Network}, f.Bytes} }

// mtu sets the MTU of a link.
type mtu struct {
	link
	bytes int
}

func (m *mtu) hold() string { return "mtu/" + m.at.home + "/" + m.device() }

// look returns the link's MTU.
func (m *mtu) look(ctx context.Context) (json.RawMessage, error) {
	var was int
	err := m.in.inside(ctx, m.at, func(ns *netns) error {
		dev, err := ns.LinkByName(m.device())
		if err != nil {
			return fmt.Errorf("interface %s: %w", m.device(), err)
		}
		was = dev.Attrs().MTU
		return nil
	})
	if err != nil {
		return nil, err
	}
	return encode(was)
}

func (m *mtu) apply(ctx context.Context, _ json.RawMessage) error {
	return m.in.inside(ctx, m.at, func(ns *netns) error { return m.size(ns, m.bytes) })
}

func (m *mtu) undo(ctx context.Context, saved json.RawMessage) error {
	var was int
	if err := decode(saved, &was); err != nil {
		return err
	}
	return m.in.inside(ctx, m.at, func(ns *netns) error { return m.size(ns, was) })
}

func (m *mtu) size(ns *netns, bytes int) error {
	dev, err := ns.LinkByName(m.device())
	if err == nil {
		err = ns.LinkSetMTU(dev, bytes)
	}
	if err != nil {
		return fmt.Errorf("interface %s: MTU %d: %w", m.device(), bytes, err)
	}
	return nil
}
