package check

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/capture"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// DefaultSpreadFlows is the number of flows of a spread check. Of equal shares of three next hops, the standard deviation is
// then 2 percentage points.
const DefaultSpreadFlows = 512

// Spread promises the share of flows that each next hop carries: equal shares, or shares by weight. A flow is a connection
// with a source port of its own.
type Spread struct {
	// From is a client, a router, a cluster node or a workload's pod on a node (pod/echo@worker).
	From     string          `json:"from"`
	To       scenario.Target `json:"to"`                 // clusterIP, externalIP, loadBalancer, or client
	Workload string          `json:"workload,omitempty"` // default: the first workload; of client, the client's name
	// Over are the next hops: cluster nodes, or routers. Default: every cluster node.
	Over []string `json:"over,omitempty"`
	// Weights are the next hops' shares relative to each other. A next hop without a weight has 1; weight 0 means no flow.
	Weights map[string]int `json:"weights,omitempty"`
	// Tolerance is the longest distance between a share and the promised share, in percentage points.
	Tolerance int               `json:"tolerance" jsonschema:"minimum=1,maximum=50"`
	Flows     int               `json:"flows,omitempty" jsonschema:"minimum=32,maximum=4096"` // default 512
	Within    scenario.Duration `json:"within,omitempty"`                                     // default 30 s
}

// SetDefaults fills in the workload, the next hops, the number of flows and the deadline.
func (c *Spread) SetDefaults(s *scenario.Spec) {
	scenario.Or(&c.Workload, s.FirstWorkload())
	scenario.Or(&c.Flows, DefaultSpreadFlows)
	scenario.Or(&c.Within, scenario.DefaultWithin)
	if c.Over == nil {
		c.Over = s.NodeNames()
	}
}

// Validate checks the sender, the target, the next hops and the weights.
func (c *Spread) Validate(v *scenario.Validation, path string) {
	p := c.Sends()
	p.SetDefaults(v.Spec())
	v.Probe(path, p)
	if c.To == scenario.TargetPod || c.To == scenario.TargetNodePort {
		v.Add(path+".to", "seen %s, want clusterIP, externalIP, loadBalancer or client: an address with several next hops", c.To)
	}
	v.NotEmpty(path+".over", len(c.Over))
	v.Repeated(path+".over", c.Over)
	known := v.Spec().NodeNames()
	for _, r := range v.Spec().Routers {
		known = append(known, r.Name)
	}
	for i, name := range c.Over {
		if name != "" && !slices.Contains(known, name) {
			v.Unknown(fmt.Sprintf("%s.over[%d]", path, i), name, "node or router", known)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Weights)) {
		switch at := path + ".weights." + name; {
		case !slices.Contains(c.Over, name):
			v.Add(at, "seen a weight of %q, want one of over: %s", name, strings.Join(c.Over, ", "))
		case c.Weights[name] < 0:
			v.Add(at, "seen %d, want 0 or more", c.Weights[name])
		}
	}
	if len(c.Over) > 0 && c.sum() < 1 {
		v.Add(path+".weights", "seen no weight above 0, want a next hop that carries flows")
	}
}

func (c *Spread) weight(name string) int {
	if w, ok := c.Weights[name]; ok {
		return w
	}
	return 1
}

func (c *Spread) sum() int {
	sum := 0
	for _, name := range c.Over {
		sum += c.weight(name)
	}
	return sum
}

// Title names the sender, the target and the next hops.
func (c *Spread) Title() string {
	return fmt.Sprintf("spread from %s to %s/%s over %s", c.From, c.To, c.Workload, strings.Join(c.Over, ", "))
}

// Cost returns Looks.
func (*Spread) Cost() Cost { return Looks }

// Sends returns a flow to the target.
func (c *Spread) Sends() *scenario.Probe {
	return &scenario.Probe{From: c.From, To: c.To, Workload: c.Workload, Proto: string(record.HTTP)}
}

// Run has one result.
func (c *Spread) Run(ctx context.Context, l Lab, _ *plan.Plan) []Result {
	var shares []string
	for _, name := range c.Over {
		shares = append(shares, fmt.Sprintf("%s %.1f %%", name, c.wanted(name)))
	}
	results := []Result{{
		Name:     c.Title(),
		Expected: fmt.Sprintf("%d flows, each via one next hop: %s, within %d percentage points", c.Flows, strings.Join(shares, ", "), c.Tolerance),
	}}
	tapped(ctx, c.Within, results, func(ctx context.Context) (bool, string, error) {
		target, err := resolve(ctx, l, *c.Sends())
		if err != nil {
			return false, "", err
		}
		from, err := l.Node(c.From)
		if err != nil {
			return false, "", err
		}
		seen, shots, err := watched(ctx, l, c.Over, from, probe.Shots{Proto: record.HTTP, Targets: []netip.AddrPort{target}, Timeout: time.Second, Times: c.Flows})
		if err != nil {
			return false, "", err
		}
		held, observed := c.judge(seen, shots)
		return held, observed, nil
	})
	return results
}

// wanted is the promised share of a next hop, in per cent.
func (c *Spread) wanted(name string) float64 {
	return 100 * float64(c.weight(name)) / float64(c.sum())
}

// judge reports whether every flow was answered and had one next hop, and whether the shares are as promised.
func (c *Spread) judge(seen sightings, shots []record.Shot) (held bool, observed string) {
	carried := map[string]int{}
	answered, nowhere, several := 0, 0, 0
	for _, s := range shots {
		connection, ok := capture.ConnectionOf(s.Target, s.Local)
		if !ok || s.Error != "" {
			continue
		}
		answered++
		var via []string
		for _, name := range c.Over {
			if seen[name][connection] {
				via = append(via, name)
			}
		}
		switch len(via) {
		case 0:
			nowhere++
		case 1:
			carried[via[0]]++
		default:
			several++
		}
	}
	held = answered == c.Flows && nowhere == 0 && several == 0
	var texts []string
	for _, name := range c.Over {
		share := 100 * float64(carried[name]) / float64(max(1, answered))
		if distance := share - c.wanted(name); distance > float64(c.Tolerance) || -distance > float64(c.Tolerance) {
			held = false
		}
		texts = append(texts, fmt.Sprintf("%s %.1f %% (%d)", name, share, carried[name]))
	}
	observed = fmt.Sprintf("%d of %d flows answered: %s", answered, c.Flows, strings.Join(texts, ", "))
	if nowhere > 0 {
		observed += fmt.Sprintf("; %d were seen at no next hop", nowhere)
	}
	if several > 0 {
		observed += fmt.Sprintf("; %d were seen at several next hops", several)
	}
	return held, observed
}
