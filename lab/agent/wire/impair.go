package wire

import (
	"fmt"
	"slices"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// lossTable and delayTable are the names of the tables for impairments of networks.
const (
	lossTable  = "skidpad_loss"
	delayTable = "skidpad_delay"
)

// firstQueue is the number of the first queue of packets that a process delays (nfnetlink_queue).
const firstQueue = 0x5d00

// Port is an interface with the impairment of its network.
type Port struct {
	Device, Network string
	Queue           uint16
	Sending
	Loss float64 // in per cent
	// Egress lets the sender lose packets, because a CNI's programs take packets off a node's interface before nftables.
	// Elsewhere the receiver loses packets, because a sender's kernel would report the loss to the sender's program.
	Egress bool
	Link   bool // skidpad makes the interface, not the engine
}

// Impaired reports whether a network of the plan has impairments.
func Impaired(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Networks, func(n plan.Network) bool { return n.Impairment != nil })
}

// Ports lists the interfaces of a place. Interfaces of networks without impairments have zero settings.
func Ports(p *plan.Plan, x plan.Place) []Port {
	var all []Port
	for i, at := range x.Networks {
		port := Port{Device: x.Device(at.Network), Network: at.Network, Queue: uint16(firstQueue + i), Link: at.Link} //nolint:gosec // few networks
		if m := p.Impairment(at.Network); m != nil {
			port.Sending, port.Loss, port.Egress = sending(m), m.Loss, p.Scenario.Spec.NodesOn(at.Network)
		}
		all = append(all, port)
	}
	return all
}

// Of returns the rate and the delay of packets into a network by the plan. If a process delays the packets of the namespace,
// Of returns the rate only.
func Of(p *plan.Plan, network string, queued bool) Sending {
	m := p.Impairment(network)
	if m == nil {
		return Sending{}
	}
	s := sending(m)
	if queued {
		return Sending{Rate: s.Rate}
	}
	return s
}

func sending(m *scenario.Impairment) Sending {
	rate, _ := scenario.ParseRate(m.Rate) // validated; 0 without a rate
	return Sending{Rate: rate, Delay: m.Delay.Std(), Jitter: m.Jitter.Std(), Corrupt: m.Corrupt, Reorder: m.Reorder}
}

// Impaired reports whether the port has an impairment.
func (p Port) Impaired() bool { return p.Sending != (Sending{}) || p.Loss > 0 }

// late reports whether packets wait or change, by netem or by a process.
func (s Sending) late() bool { return s.Delay > 0 || s.Corrupt > 0 }

// what says that a setting of the port's network is missing.
func (p Port) what(setting string) string {
	return fmt.Sprintf("network %s: %s is not in force on interface %s", p.Network, setting, p.Device)
}

// drops lists the losses of ports.
func drops(ports []Port) []Drop {
	var all []Drop
	for _, p := range ports {
		if p.Loss > 0 {
			all = append(all, Drop{Device: p.Device, Egress: p.Egress, Percent: p.Loss})
		}
	}
	return all
}
