package fault

import "skidpad.dev/skidpad/lab/scenario"

// Latency delays the packets that this node sends by Delay, give or take Jitter (tc-netem(8)).
type Latency struct {
	Node string `json:"latency"`
	// Network is the network of the packets; default: all networks of the node.
	Network string `json:"network,omitempty"`
	// Delay is added to each packet.
	Delay scenario.Duration `json:"delay" help:"additional delay of packets"`
	// Jitter is the variation of the delay, at most Delay; default none.
	Jitter scenario.Duration `json:"jitter,omitempty" help:"variation of the delay"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*Latency) About() About {
	return About{What: "what it sends is delayed", Requires: "NET_SCH_NETEM", Unbounded: "packets are late as long as the fault lasts"}
}

// Validate checks the node, the network and the jitter.
func (f *Latency) Validate(v *scenario.Validation, path string) {
	onNetwork(v, path, "latency", f.Node, f.Network)
	if f.Jitter > f.Delay && f.Delay > 0 {
		v.Add(path+".jitter", "seen %s, want at most the delay, %s", f.Jitter, f.Delay)
	}
}

// String describes the fault.
func (f *Latency) String() string { return words(f, "latency at "+f.Node) }

func (f *Latency) action(s spot) action { return &queue{spot: s, network: f.Network} }

// queues delays. Delays of several faults add up.
func (f *Latency) queues(network string, s *sending) {
	if f.Network == "" || f.Network == network {
		s.Delay += f.Delay.Std()
		s.Jitter += f.Jitter.Std()
	}
}
