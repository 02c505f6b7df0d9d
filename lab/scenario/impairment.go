package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxDelay bounds the delay of a network.
const maxDelay = Duration(time.Minute)

// Impairment makes a network worse. A packet meets the settings once on the way through the network; a request and its answer
// meet the settings once each. The sender's interface has the delay, the corruption and the rate. A fault on the same interface
// adds to the delay; of two rates, the lower rate counts. `skidpad up` with other settings changes a running lab.
//
// Without CONFIG_NET_SCH_NETEM in the kernel, a process delays and corrupts IP packets (nfnetlink_queue), but no ARP packets;
// networks with cluster nodes need CONFIG_NET_SCH_NETEM, because a CNI's programs send packets past such queues.
type Impairment struct {
	// Delay is added to each packet: up to 1m (tc-netem(8), delay); default none.
	Delay Duration `json:"delay,omitempty"`
	// Jitter is the variation of the delay, at most Delay (tc-netem(8), delay); default none.
	Jitter Duration `json:"jitter,omitempty"`
	// Loss is the share of packets that are dropped at random, above 0 and up to 100 per cent (nftables, numgen random);
	// default none.
	Loss float64 `json:"loss,omitempty" jsonschema:"exclusiveMinimum=0,maximum=100"`
	// Rate limits the packets of each sender: bits a second from 8kbit to 30gbit, as in tc(8) (tc-tbf(8), rate); default no limit.
	Rate string `json:"rate,omitempty" jsonschema:"example=10mbit"`
	// Corrupt is the share of packets with a changed bit, above 0 and up to 100 per cent (tc-netem(8), corrupt); default none.
	Corrupt float64 `json:"corrupt,omitempty" jsonschema:"exclusiveMinimum=0,maximum=100"`
	// Reorder is the share of packets without the delay, above 0 and up to 100 per cent (tc-netem(8), reorder); default none.
	// Reorder needs Delay.
	Reorder float64 `json:"reorder,omitempty" jsonschema:"exclusiveMinimum=0,maximum=100"`
}

// impairment checks the settings of a network.
func (v *Validation) impairment(at, network string, i *Impairment) {
	if i == nil {
		return
	}
	if c := v.spec.Cluster; c != nil && c.Provider == ProviderExisting && slices.Contains(c.nodeNetworks(), network) {
		v.Add(at, "seen it on the network of a running cluster, want a network of the lab: nodes of a running cluster stay as they are")
	}
	if i.Delay > maxDelay {
		v.Add(at+".delay", "seen %s, want at most %s", i.Delay, maxDelay)
	}
	if *i == (Impairment{}) {
		v.Add(at, "seen no setting, want at least one of: delay, jitter, loss, rate, corrupt, reorder")
	}
	if i.Jitter > i.Delay {
		v.Add(at+".jitter", "seen %s, want at most the delay, %s", i.Jitter, i.Delay)
	}
	if i.Reorder > 0 && i.Delay == 0 {
		v.Add(at+".reorder", "seen reorder without delay, want delay, too: only a delayed packet can be overtaken")
	}
	if i.Rate != "" {
		if _, err := ParseRate(i.Rate); err != nil {
			v.Add(at+".rate", "%v", err)
		}
	}
}

// NodesOn reports whether cluster nodes are on a network.
func (s *Spec) NodesOn(network string) bool {
	return s.Cluster != nil && (slices.Contains(s.Cluster.nodeNetworks(), network) ||
		slices.ContainsFunc(s.NodeNames(), func(n string) bool { return slices.Contains(s.Cluster.Settings(n).Networks, network) }))
}

// ParseRate reads bits a second in the form of tc(8), for example 500kbit or 10mbit, and returns bytes a second.
func ParseRate(s string) (uint64, error) {
	for _, unit := range []struct {
		suffix string
		bits   float64
	}{{"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"bit", 1}} {
		number, ok := strings.CutSuffix(strings.ToLower(s), unit.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(number, 64)
		if bytes := v * unit.bits / 8; err == nil && bytes >= 1000 && bytes < 1<<32 {
			return uint64(bytes), nil
		}
		break
	}
	return 0, fmt.Errorf("seen %q, want bits a second from 8kbit to 30gbit, such as 500kbit or 10mbit", s)
}
