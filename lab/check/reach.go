package check

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// inARow is the number of connections that must succeed one after the other. Each connection has its own source port, and
// therefore its own path. With one of two paths broken, a look passes by chance once in 2^32.
const inARow = 32

// AddressRow is the result for one address.
type AddressRow struct {
	probe.Address
	Answered int        `json:"answered"` // connections answered in a row, as wanted
	Wanted   int        `json:"wanted"`
	By       []Answerer `json:"answeredBy"`
	// Latency is the longest of the answered connections, in nanoseconds.
	Latency time.Duration `json:"latency"`
	Looks   int           `json:"looks"`           // the number of looks
	Error   string        `json:"error,omitempty"` // of the last look; empty if the address holds
}

// Answerer is a pod that answered, and the sender as seen by the pod.
type Answerer struct {
	Pod    string `json:"pod"`
	Node   string `json:"node"`
	Source string `json:"source"` // the address that the pod saw
	Times  int    `json:"times"`
}

// reachable is the promise of a reach check for one kind of target.
type reachable struct {
	kind     scenario.Target
	workload plan.Workload
	nodes    []string // that must have a node port
	own      bool     // the pod must see the sender's own address
	dual     bool     // addresses of both IP families are wanted
}

// Reach promises an answer to From at every address of each kind in To.
type Reach struct {
	// From is a client, a router, a cluster node (control-plane, worker, worker2 …), or a workload's pod on a node:
	// pod/echo@worker.
	From     string            `json:"from"`
	To       []scenario.Target `json:"to"`                 // every pod; the service's addresses; every node's NodePort
	Workload string            `json:"workload,omitempty"` // default: the first workload
	// Source is the address that the pod must see: "client" (the sender's own, as with DSR and eTP=Local) or "any".
	// Default client.
	Source string            `json:"source,omitempty" jsonschema:"enum=client,enum=any"`
	Within scenario.Duration `json:"within,omitempty"` // default 30 s
}

// SetDefaults fills in the workload, the source and the deadline.
func (c *Reach) SetDefaults(s *scenario.Spec) {
	scenario.Or(&c.Workload, s.FirstWorkload())
	scenario.Or(&c.Source, "client")
	scenario.Or(&c.Within, scenario.DefaultWithin)
}

// Validate checks the sender and the targets.
func (c *Reach) Validate(v *scenario.Validation, path string) {
	v.Origin(path+".from", c.From)
	v.Targets(path, c.To, c.Workload)
}

// Title names the sender and the targets.
func (c *Reach) Title() string {
	return fmt.Sprintf("reach from %s to %v/%s", c.From, c.To, c.Workload)
}

// Cost returns Looks.
func (*Reach) Cost() Cost { return Looks }

// Sends returns a flow to the load-balancer IP, or else to the first kind of target.
func (c *Reach) Sends() *scenario.Probe {
	to := c.To[0]
	if slices.Contains(c.To, scenario.TargetLoadBalancer) {
		to = scenario.TargetLoadBalancer
	}
	return &scenario.Probe{From: c.From, To: to, Workload: c.Workload}
}

// Run has a result for each kind of target.
func (c *Reach) Run(ctx context.Context, l Lab, p *plan.Plan) []Result {
	w, err := workloadOf(p, c.Workload)
	wanted := make([]reachable, len(c.To))
	results := make([]Result, len(c.To))
	for i, kind := range c.To {
		wanted[i] = reachable{kind: kind, workload: w, nodes: nodeNames(p), own: c.Source != "any", dual: w.DualStack}
		results[i] = Result{
			Name:     fmt.Sprintf("reach from %s to %s/%s", c.From, kind, w.Name),
			Expected: wanted[i].String(),
		}
	}
	if err != nil {
		cannotLook(results, indices(results), err)
		return results
	}
	looks := 0
	until(ctx, c.Within.Std(), results, func(ctx context.Context, open []int) {
		looks++
		from, err := l.Node(c.From)
		if err != nil {
			cannotLook(results, open, err)
			return
		}
		endpoints, err := l.Endpoints(ctx, w.Name)
		if err != nil {
			cannotLook(results, open, err)
			return
		}
		// The first looks are short, to see convergence early; later looks are patient.
		shots, err := probe.Once(ctx, from, probe.Shots{
			Proto: record.HTTP, Targets: targets(wanted, open, endpoints),
			Timeout: min(time.Second, time.Duration(looks)*250*time.Millisecond), Times: inARow,
		})
		if err != nil {
			cannotLook(results, open, err)
			return
		}
		for _, i := range open {
			held, observed, rows := wanted[i].judge(endpoints, shots)
			for n := range rows {
				rows[n].Looks = looks
			}
			results[i].outcome(held, observed)
			results[i].Addresses = rows
		}
	})
	return results
}

// String is the promise in words.
func (r reachable) String() string {
	subject := map[scenario.Target]string{
		scenario.TargetPod:          fmt.Sprintf("every pod of %s (%d)", r.workload.Name, r.workload.Replicas),
		scenario.TargetClusterIP:    "every cluster IP of " + r.workload.Name,
		scenario.TargetExternalIP:   "every external IP of " + r.workload.Name,
		scenario.TargetLoadBalancer: "every load-balancer IP of " + r.workload.Name,
		scenario.TargetNodePort:     fmt.Sprintf("the node port of %s on every node (%d)", r.workload.Name, len(r.nodes)),
	}[r.kind]
	text := fmt.Sprintf("%s answers %d connections in a row", subject, inARow)
	if r.own {
		text += ", and the pod sees the sender's own address"
	}
	return text
}

// judge reports whether all addresses of the kind answered as wanted, by the attempts of one look.
func (r reachable) judge(e probe.Endpoints, shots []record.Shot) (held bool, observed string, rows []AddressRow) {
	var problems, by, sources []string
	answered := 0
	for _, a := range e.Addresses(r.kind, record.HTTP) {
		row := r.row(a, e, shots)
		rows = append(rows, row)
		if row.Error != "" {
			problems = append(problems, describe(a)+": "+row.Error)
			continue
		}
		answered++
		for _, who := range row.By {
			by = appendNew(by, who.Pod+" on "+who.Node)
			sources = appendNew(sources, who.Source)
		}
	}
	problems = append(problems, r.missing(e, rows)...)
	problems = append(problems, r.missingFamily(e, rows)...)
	observed = fmt.Sprintf("%d of %d answered", answered, len(rows))
	if answered > 0 {
		observed += fmt.Sprintf(" (by %s; source %s)", strings.Join(by, ", "), strings.Join(sources, ", "))
	}
	if len(problems) > 0 {
		observed += "; " + strings.Join(problems, "; ")
	}
	return len(problems) == 0, observed, rows
}

// missing reports pods, nodes and services without an address: an empty list proves nothing.
func (r reachable) missing(e probe.Endpoints, rows []AddressRow) []string {
	switch r.kind {
	case scenario.TargetPod:
		if len(e.Pods) < max(r.workload.Replicas, 1) || len(rows) < len(e.Pods) {
			return []string{fmt.Sprintf("%d of %d pods are there, %d addresses in all", len(e.Pods), r.workload.Replicas, len(rows))}
		}
	case scenario.TargetNodePort:
		var without []string
		for _, name := range r.nodes {
			if !slices.ContainsFunc(rows, func(row AddressRow) bool { return row.Of == name }) {
				without = append(without, name)
			}
		}
		if len(without) > 0 || len(rows) == 0 {
			return []string{fmt.Sprintf("no node port known of %s (port %d)", strings.Join(without, ", "), e.NodePort.TCP)}
		}
	default:
		if len(rows) == 0 {
			return []string{fmt.Sprintf("%s has no %s address", r.workload.Name, r.kind)}
		}
	}
	return nil
}

// missingFamily reports the absence of an IP family in a dual-stack cluster. Every pod, every node's port and the service
// need an address of each family. External IPs do not: the scenario names these.
func (r reachable) missingFamily(e probe.Endpoints, rows []AddressRow) []string {
	if !r.dual || r.kind == scenario.TargetExternalIP {
		return nil
	}
	of := map[string][2]bool{}
	for _, row := range rows {
		has := of[row.Of]
		has[0], has[1] = has[0] || row.At.Addr().Is4(), has[1] || row.At.Addr().Is6()
		of[row.Of] = has
	}
	var problems []string
	for name, has := range of {
		if has != [2]bool{true, true} {
			problems = append(problems, fmt.Sprintf("%s has no %s address of each IP family", cmp.Or(name, e.Workload), r.kind))
		}
	}
	slices.Sort(problems)
	return problems
}

// row judges one address: every attempt has an answer from the right pod, and the pod saw the right sender.
func (r reachable) row(a probe.Address, e probe.Endpoints, shots []record.Shot) AddressRow {
	row := AddressRow{Address: a, Wanted: inARow, By: []Answerer{}}
	for _, s := range shots {
		if s.Target != a.At.String() {
			continue
		}
		if row.Error = r.fault(a, e, s); row.Error != "" {
			if row.Answered > 0 {
				row.Error += fmt.Sprintf(", after %d that were right", row.Answered)
			}
			return row
		}
		row.Answered++
		row.Latency = max(row.Latency, s.Latency)
		row.add(Answerer{Pod: s.Answer.Pod, Node: s.Answer.Node, Source: host(s.Answer.Client)})
	}
	if row.Answered < inARow {
		row.Error = fmt.Sprintf("%d of %d connections were tried", row.Answered, inARow)
	}
	return row
}

func (row *AddressRow) add(who Answerer) {
	for i, seen := range row.By {
		if seen.Pod == who.Pod && seen.Node == who.Node && seen.Source == who.Source {
			row.By[i].Times++
			return
		}
	}
	who.Times = 1
	row.By = append(row.By, who)
}

// fault is the mistake of one attempt, or "".
func (r reachable) fault(a probe.Address, e probe.Endpoints, s record.Shot) string {
	switch {
	case s.Error != "":
		return s.Error
	case s.Answer == nil:
		return "the answer does not say who answered"
	case a.Kind == scenario.TargetPod && s.Answer.Pod != a.Of:
		return fmt.Sprintf("pod %s answered, not %s", s.Answer.Pod, a.Of)
	case !slices.ContainsFunc(e.Pods, func(p probe.Pod) bool { return p.Name == s.Answer.Pod }):
		return fmt.Sprintf("%s answered, which is no pod of %s", s.Answer.Pod, r.workload.Name)
	case r.own && host(s.Answer.Client) != host(s.Local):
		return fmt.Sprintf("pod %s on %s saw %s, the sender's own address is %s", s.Answer.Pod, s.Answer.Node, host(s.Answer.Client), host(s.Local))
	}
	return ""
}

// targets are the addresses of the open kinds, each once.
func targets(wanted []reachable, open []int, e probe.Endpoints) []netip.AddrPort {
	var found []netip.AddrPort
	for _, i := range open {
		for _, a := range e.Addresses(wanted[i].kind, record.HTTP) {
			found = appendNew(found, a.At)
		}
	}
	return found
}

func nodeNames(p *plan.Plan) []string {
	var names []string
	if p.Cluster != nil {
		for _, n := range p.Cluster.Nodes {
			names = append(names, n.Short)
		}
	}
	return names
}

func describe(a probe.Address) string {
	if a.Of == "" {
		return a.At.String()
	}
	return a.At.String() + " (" + a.Of + ")"
}

// host is the address of IP:port; any other text stays the same.
func host(s string) string {
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at.Addr().Unmap().String()
	}
	return s
}

func appendNew[T comparable](list []T, item T) []T {
	if slices.Contains(list, item) {
		return list
	}
	return append(list, item)
}

func indices(results []Result) []int {
	all := make([]int, len(results))
	for i := range all {
		all[i] = i
	}
	return all
}
