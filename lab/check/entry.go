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

// The values of Entry.At.
const (
	EntryOwn = "own"
	EntryAll = "all"
)

// Entry promises the nodes at which packets from beyond the routers enter the cluster, on the way to a workload's pods.
type Entry struct {
	From     string `json:"from"`               // a client
	Workload string `json:"workload,omitempty"` // default: the first workload
	// At: "own" – packets enter only at the node that runs the pod; "all" – packets enter at every node, and nodes without
	// the pod forward them.
	At     string            `json:"at" jsonschema:"enum=own,enum=all"`
	Within scenario.Duration `json:"within,omitempty"` // default 30 s
}

// SetDefaults fills in the workload and the deadline.
func (c *Entry) SetDefaults(s *scenario.Spec) {
	scenario.Or(&c.Workload, s.FirstWorkload())
	scenario.Or(&c.Within, scenario.DefaultWithin)
}

// Validate checks the client and the workload.
func (c *Entry) Validate(v *scenario.Validation, path string) {
	v.Client(path+".from", c.From)
	v.Workload(path+".workload", c.Workload)
}

// Title names the client and the workload.
func (c *Entry) Title() string {
	return fmt.Sprintf("entry from %s to the pods of %s", c.From, c.Workload)
}

// Cost returns Looks.
func (*Entry) Cost() Cost { return Looks }

// Sends returns a flow to the pods.
func (c *Entry) Sends() *scenario.Probe {
	return &scenario.Probe{From: c.From, To: scenario.TargetPod, Workload: c.Workload}
}

// Run has one result for all pods.
func (c *Entry) Run(ctx context.Context, l Lab, p *plan.Plan) []Result {
	results := []Result{{
		Name:     c.Title(),
		Expected: "connections to each pod enter the cluster at every node; those without the pod pass them on",
	}}
	if c.At == EntryOwn {
		results[0].Expected = "connections to each pod enter the cluster at the pod's own node, and at no other"
	}
	tapped(ctx, c.Within, results, func(ctx context.Context) (bool, string, error) {
		return lookAtEntry(ctx, l, nodeNames(p), c)
	})
	return results
}

// lookAtEntry connects to each pod, and listens on the links of all nodes.
func lookAtEntry(ctx context.Context, l Lab, nodes []string, c *Entry) (held bool, observed string, err error) {
	e, err := l.Endpoints(ctx, c.Workload)
	if err != nil {
		return false, "", err
	}
	from, err := l.Node(c.From)
	if err != nil {
		return false, "", err
	}
	var targets []netip.AddrPort
	for _, a := range e.Addresses(scenario.TargetPod, record.HTTP) {
		targets = append(targets, a.At)
	}
	seen, shots, err := watched(ctx, l, nodes, from, probe.Shots{Proto: record.HTTP, Targets: targets, Timeout: time.Second, Times: inARow})
	if err != nil {
		return false, "", err
	}
	held, observed = judgeEntry(c.At, nodes, e, seen, shots)
	return held, observed, nil
}

// judgeEntry reports whether the connections to each pod entered at the right nodes. A connection seen at a node without the
// pod entered there; a connection seen only at the pod's own node entered at the pod's node.
func judgeEntry(at string, nodes []string, e probe.Endpoints, seen sightings, shots []record.Shot) (held bool, observed string) {
	held = len(shots) > 0 && len(e.Pods) > 0
	var texts []string
	for _, pod := range e.Pods {
		entered, lost := map[string]int{}, 0
		for _, s := range shots {
			to, err := netip.ParseAddrPort(s.Target)
			if err != nil || !slices.Contains(pod.IPs, to.Addr()) {
				continue
			}
			connection, ok := capture.ConnectionOf(s.Target, s.Local)
			if !ok || s.Error != "" {
				lost++
				continue
			}
			if node := seen.entered(nodes, pod.Node, connection); node != "" {
				entered[node]++
			}
		}
		var counts []string
		for _, n := range nodes {
			if entered[n] > 0 {
				counts = append(counts, fmt.Sprintf("%s %d", n, entered[n]))
			}
		}
		text := fmt.Sprintf("%s on %s: of %d connections entered at %s", pod.Name, pod.Node, inARow, strings.Join(counts, ", "))
		if lost > 0 {
			text += fmt.Sprintf("; %d were not answered", lost)
		}
		texts = append(texts, text)
		want := len(nodes)
		if at == EntryOwn {
			want = min(1, entered[pod.Node])
			held = held && want > 0
		}
		held = held && lost == 0 && len(counts) == want
	}
	return held, strings.Join(texts, "; ")
}

// entered is the node at which a connection entered the cluster; "" if no node saw the connection.
func (s sightings) entered(nodes []string, own string, c capture.Connection) string {
	for _, n := range nodes {
		if n != own && s[n][c] {
			return n
		}
	}
	if s[own][c] {
		return own
	}
	return ""
}
