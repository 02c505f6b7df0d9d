package check

import (
	"context"
	"fmt"
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

// pair is two pods that talk, on two nodes.
type pair struct{ from, to netip.Addr }

// onWire counts packets between the two of a pair, either way, by encapsulation.
type onWire map[string]int

// Encapsulation says how packets between pods of two nodes travel.
type Encapsulation string

// The encapsulations that a capture can tell apart.
const (
	EncapsulationNone   Encapsulation = "none"
	EncapsulationVXLAN  Encapsulation = "vxlan"  // RFC 7348
	EncapsulationGeneve Encapsulation = "geneve" // RFC 8926
	EncapsulationIPIP   Encapsulation = "ipip"   // RFC 2003; IPv6 in IPv4 and the like, too (RFC 4213, RFC 2473)
)

// Wire promises an encapsulation of packets between pods on two nodes, as seen on the network between the nodes.
type Wire struct {
	// Between are two nodes, each with a pod of the workload.
	Between       []string          `json:"between"`
	Encapsulation Encapsulation     `json:"encapsulation" jsonschema:"enum=none,enum=vxlan,enum=geneve,enum=ipip"`
	Workload      string            `json:"workload,omitempty"` // default: the first workload
	Within        scenario.Duration `json:"within,omitempty"`   // default 30 s
}

// SetDefaults fills in the workload and the deadline.
func (c *Wire) SetDefaults(s *scenario.Spec) {
	scenario.Or(&c.Workload, s.FirstWorkload())
	scenario.Or(&c.Within, scenario.DefaultWithin)
}

// Validate checks the nodes, and that the workload can have a pod on each.
func (c *Wire) Validate(v *scenario.Validation, path string) {
	if len(c.Between) != 2 && !v.Malformed(path+".between") {
		v.Add(path+".between", "seen %d nodes, want two", len(c.Between))
	}
	v.Nodes(path+".between", c.Between)
	if e := v.Workload(path+".workload", c.Workload); e != nil && e.Replicas < 2 {
		v.Add(path+".workload", "seen %s with one replica, want two or more: one on each node", e.Name)
	}
}

// Title names the two nodes.
func (c *Wire) Title() string { return "wire between " + strings.Join(c.Between, " and ") }

// Cost returns Looks.
func (*Wire) Cost() Cost { return Looks }

// Sends returns nil: the pods send to each other.
func (*Wire) Sends() *scenario.Probe { return nil }

// Run has one result.
func (c *Wire) Run(ctx context.Context, l Lab, _ *plan.Plan) []Result {
	between := strings.Join(c.Between, " and ")
	results := []Result{{
		Name:     c.Title(),
		Expected: fmt.Sprintf("packets between the pods of %s on %s, encapsulated in nothing", c.Workload, between),
	}}
	if c.Encapsulation != EncapsulationNone {
		results[0].Expected = fmt.Sprintf("packets between the pods of %s on %s, all encapsulated in %s", c.Workload, between, c.Encapsulation)
	}
	if len(c.Between) != 2 {
		cannotLook(results, indices(results), fmt.Errorf("lab bug: the wire between %d nodes cannot be looked at; wanted are two", len(c.Between)))
		return results
	}
	tapped(ctx, c.Within, results, func(ctx context.Context) (bool, string, error) { return lookAtWire(ctx, l, c) })
	return results
}

// lookAtWire connects from the pod on the first node to the pod on the second, and listens on the first node's links.
func lookAtWire(ctx context.Context, l Lab, c *Wire) (held bool, observed string, err error) {
	e, err := l.Endpoints(ctx, c.Workload)
	if err != nil {
		return false, "", err
	}
	pairs, problem := pairsOf(e, c.Between[0], c.Between[1])
	if problem != "" {
		return false, problem, nil
	}
	from, err := l.Node("pod/" + e.Workload + "@" + c.Between[0])
	if err != nil {
		return false, "", err
	}
	var targets []netip.AddrPort
	seen := make([]onWire, len(pairs))
	for i, p := range pairs {
		targets = append(targets, netip.AddrPortFrom(p.to, e.PodPort.TCP))
		seen[i] = onWire{}
	}
	var shots []record.Shot
	err = l.Listen(ctx, c.Between[0], func(frame []byte) { count(pairs, seen, frame) }, func() error {
		var err error
		shots, err = probe.Once(ctx, from, probe.Shots{Proto: record.HTTP, Targets: targets, Timeout: time.Second, Times: inARow})
		return err
	})
	if err != nil {
		return false, "", err
	}
	held, observed = judgeWire(c.Encapsulation, pairs, seen, shots)
	return held, observed, nil
}

// pairsOf are the pods' addresses on two nodes, a pair for each IP family that both have. The problem is a node
// without a pod.
func pairsOf(e probe.Endpoints, a, b string) (pairs []pair, problem string) {
	on := func(node string) []netip.Addr {
		i := slices.IndexFunc(e.Pods, func(p probe.Pod) bool { return p.Node == node && len(p.IPs) > 0 })
		if i < 0 {
			problem = fmt.Sprintf("no pod of %s is on %s", e.Workload, node)
			return nil
		}
		return e.Pods[i].IPs
	}
	first, second := on(a), on(b)
	for _, from := range first {
		for _, to := range second {
			if from.Is4() == to.Is4() {
				pairs = append(pairs, pair{from, to})
			}
		}
	}
	return pairs, problem
}

// count counts a frame with a packet between the two of a pair.
func count(pairs []pair, seen []onWire, frame []byte) {
	carried, ok := capture.Unwrap(frame)
	if !ok {
		return
	}
	for i, p := range pairs {
		if carried.Src == p.from && carried.Dst == p.to || carried.Src == p.to && carried.Dst == p.from {
			in := "none"
			if len(carried.In) > 0 {
				in = strings.Join(carried.In, " in ")
			}
			seen[i][in]++
		}
	}
}

// judgeWire reports whether packets of every pair were seen, and all as wanted.
func judgeWire(want Encapsulation, pairs []pair, seen []onWire, shots []record.Shot) (held bool, observed string) {
	held = len(pairs) > 0
	var texts []string
	for i, p := range pairs {
		answered := 0
		for _, s := range shots {
			if at, err := netip.ParseAddrPort(s.Target); err == nil && at.Addr() == p.to && s.Error == "" {
				answered++
			}
		}
		var kinds []string
		for in := range seen[i] {
			kinds = append(kinds, in)
		}
		slices.Sort(kinds)
		var counted []string
		for _, in := range kinds {
			counted = append(counted, fmt.Sprintf("%d packets, encapsulation %s", seen[i][in], in))
		}
		if len(counted) == 0 {
			counted = []string{"no packet was seen"}
		}
		texts = append(texts, fmt.Sprintf("%s and %s: %d of %d connections answered, %s", p.from, p.to, answered, inARow, strings.Join(counted, ", ")))
		held = held && answered == inARow && len(kinds) == 1 && kinds[0] == string(want)
	}
	return held, strings.Join(texts, "; ")
}
