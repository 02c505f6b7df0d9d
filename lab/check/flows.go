package check

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/hubble"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// flowShots is how many connections a look makes to each address.
const flowShots = 4

// denyShort is the timeout of a connection during the denial.
const denyShort = 300 * time.Millisecond

// told is one run of the check.
type told struct {
	lab      Lab
	want     Flows
	workload plan.Workload
	timeout  time.Duration // of a connection; 0 is the prober's own
}

// The verdicts of a flow, as Hubble spells them.
const (
	FlowForwarded = "FORWARDED"
	FlowDropped   = "DROPPED"
)

// Flows promises Hubble's report of a few connections from a node to a workload: each connection was seen at the node of its
// pod, with the right verdict, source and destination.
type Flows struct {
	// From is a client, a router or a cluster node.
	From     string          `json:"from"`
	To       scenario.Target `json:"to"`
	Workload string          `json:"workload,omitempty"` // default: the first workload
	// Verdict is FORWARDED, and the connections are answered; or DROPPED, and while the check lasts a NetworkPolicy
	// denies everything that enters the workload.
	Verdict string            `json:"verdict" jsonschema:"enum=FORWARDED,enum=DROPPED"`
	Within  scenario.Duration `json:"within,omitempty"` // default 30 s
}

// SetDefaults fills in the workload and the deadline.
func (c *Flows) SetDefaults(s *scenario.Spec) {
	scenario.Or(&c.Workload, s.FirstWorkload())
	scenario.Or(&c.Within, scenario.DefaultWithin)
}

// Validate checks that Hubble's relay is there, the sender, and that the workload has the address.
func (c *Flows) Validate(v *scenario.Validation, path string) {
	if !v.Spec().ReportsFlows() {
		v.Add(path, "seen a check of Hubble's flows, want hubble: {relay: true} in the cilium addon")
	}
	known := v.Senders()
	if c.From != "" && !slices.Contains(known, c.From) {
		v.Unknown(path+".from", c.From, "client, router or node", known)
	}
	if e := v.Workload(path+".workload", c.Workload); e != nil {
		v.HasAddress(path+".to", c.To, e)
	}
}

// Title names the sender, the target and the verdict.
func (c *Flows) Title() string {
	return fmt.Sprintf("flows from %s to %s/%s: %s", c.From, c.To, c.Workload, c.Verdict)
}

// Cost returns Lasts if the check denies traffic for a while, else Looks.
func (c *Flows) Cost() Cost {
	if c.Verdict == FlowDropped {
		return Lasts
	}
	return Looks
}

// Sends returns a flow to the target.
func (c *Flows) Sends() *scenario.Probe {
	return &scenario.Probe{From: c.From, To: c.To, Workload: c.Workload}
}

// Run makes connections and judges Hubble's report.
func (c *Flows) Run(ctx context.Context, l Lab, p *plan.Plan) []Result {
	r := Result{Name: c.Title(),
		Expected: "Hubble tells of each connection, with its source and its pod: " + c.Verdict}
	w, err := workloadOf(p, c.Workload)
	if err != nil {
		r.Verdict, r.Observed = Unknown, err.Error()
		return []Result{r}
	}
	t := told{lab: l, want: *c, workload: w}
	if c.Verdict == FlowDropped {
		t.denied(ctx, &r)
		return []Result{r}
	}
	results := []Result{r}
	until(ctx, c.Within.Std(), results, func(ctx context.Context, open []int) { t.look(ctx, results, open, t.forwarded) })
	return results
}

// denied looks while traffic is denied, and makes sure that the workload answers again afterwards.
func (t told) denied(ctx context.Context, r *Result) {
	results := []Result{*r}
	until(ctx, t.want.Within.Std(), results, func(ctx context.Context, open []int) { t.look(ctx, results, open, t.forwarded) })
	if results[0].Verdict != Held {
		*r = results[0]
		r.Observed = "before anything was denied: " + r.Observed
		return
	}
	undo, err := t.lab.Deny(ctx, t.workload.Name)
	if err != nil {
		r.Verdict, r.Observed = Unknown, err.Error()
		return
	}
	results[0] = *r
	short := t
	short.timeout = denyShort
	until(ctx, t.want.Within.Std(), results, func(ctx context.Context, open []int) { short.look(ctx, results, open, t.dropped) })
	*r = results[0]
	undone := context.WithoutCancel(ctx)
	if err := undo(undone); err != nil {
		r.unrestored = err
		return
	}
	again := []Result{{}}
	until(undone, t.want.Within.Std(), again, func(ctx context.Context, open []int) { t.look(ctx, again, open, t.forwarded) })
	if again[0].Verdict != Held {
		r.unrestored = errors.New("the workload is not as before it was denied: " + again[0].Observed)
	}
}

// seen is the result of one look: the attempted connections, and Hubble's flows.
type seen struct {
	endpoints probe.Endpoints
	shots     []record.Shot
	flows     []hubble.Flow
}

// look makes connections, asks Hubble for their flows, and judges.
func (t told) look(ctx context.Context, results []Result, open []int, judge func(seen) (bool, string)) {
	s, err := t.see(ctx)
	if err != nil {
		cannotLook(results, open, err)
		return
	}
	for _, i := range open {
		results[i].outcome(judge(s))
	}
}

func (t told) see(ctx context.Context) (s seen, err error) {
	from, err := t.lab.Node(t.want.From)
	if err != nil {
		return s, err
	}
	if s.endpoints, err = t.lab.Endpoints(ctx, t.workload.Name); err != nil {
		return s, err
	}
	shots := probe.Shots{Proto: record.HTTP, Times: flowShots, Timeout: t.timeout}
	for _, a := range s.endpoints.Addresses(t.want.To, record.HTTP) {
		shots.Targets = append(shots.Targets, a.At)
	}
	if len(shots.Targets) == 0 {
		return s, fmt.Errorf("%s has no %s address", t.workload.Name, t.want.To)
	}
	since := time.Now()
	if s.shots, err = probe.Once(ctx, from, shots); err != nil {
		return s, err
	}
	source, err := t.source(ctx, s.shots)
	if err != nil {
		return s, err
	}
	s.flows, err = t.lab.HubbleFlows(ctx, source, since)
	return s, err
}

// source is the sender's own address: of a connection, or without any connection the kernel's choice.
func (t told) source(ctx context.Context, shots []record.Shot) (netip.Addr, error) {
	for _, s := range shots {
		if at, err := netip.ParseAddrPort(s.Local); err == nil {
			return at.Addr().Unmap(), nil
		}
	}
	from, err := t.lab.Node(t.want.From)
	if err != nil {
		return netip.Addr{}, err
	}
	target, err := netip.ParseAddrPort(shots[0].Target)
	if err != nil {
		return netip.Addr{}, err
	}
	out, err := from.Exec(ctx, "ip", "-o", "route", "get", target.Addr().String())
	if err != nil {
		return netip.Addr{}, err
	}
	words := strings.Fields(string(out))
	if i := slices.Index(words, "src"); i >= 0 && i+1 < len(words) {
		return netip.ParseAddr(words[i+1])
	}
	return netip.Addr{}, fmt.Errorf("output of ip route get on %s names no source: %q", t.want.From, out)
}

// forwarded reports whether every connection was answered, and whether Hubble reports each as forwarded from the connection's
// port to the answering pod, at the pod's node.
func (t told) forwarded(s seen) (bool, string) {
	var by []string
	for _, shot := range s.shots {
		if shot.Error != "" || shot.Answer == nil {
			return false, fmt.Sprintf("%s did not answer: %s", shot.Target, shot.Error)
		}
		pod := t.workload.Namespace + "/" + shot.Answer.Pod
		at := slices.IndexFunc(s.flows, func(f hubble.Flow) bool {
			return f.Verdict == FlowForwarded && !f.Reply && f.Source.String() == shot.Local && f.Pod == pod && f.Destination.Port() == uint16(t.workload.Ports.HTTP)
		})
		if at < 0 {
			return false, fmt.Sprintf("of the connection from %s, which %s answered, Hubble tells no flow that was forwarded; it tells %s", shot.Local, pod, some3(s.flows))
		}
		by = appendNew(by, s.flows[at].Pod+" seen on "+s.flows[at].Node)
	}
	return true, fmt.Sprintf("%d of %d connections told: FORWARDED from %s to %s", len(s.shots), len(s.shots), host(s.shots[0].Local), strings.Join(by, ", "))
}

// dropped reports whether no connection was answered, and whether Hubble reports a drop by policy at a pod of the workload.
func (t told) dropped(s seen) (bool, string) {
	for _, shot := range s.shots {
		if shot.Error == "" {
			return false, fmt.Sprintf("%s is answered still, by %s", shot.Target, shot.Answer.Pod)
		}
	}
	var pods []string
	reason := ""
	for _, f := range s.flows {
		namespace, name, _ := strings.Cut(f.Pod, "/")
		ours := slices.ContainsFunc(s.endpoints.Pods, func(p probe.Pod) bool { return p.Name == name })
		if f.Verdict == FlowDropped && !f.Reply && ours && namespace == t.workload.Namespace {
			pods, reason = appendNew(pods, f.Pod+" seen on "+f.Node), f.Reason
		}
	}
	if len(pods) == 0 {
		return false, "nothing was answered, and Hubble tells no flow that was dropped; it tells " + some3(s.flows)
	}
	return true, fmt.Sprintf("%d connections unanswered; told: DROPPED (%s) from %s to %s", len(s.shots), reason, s.flows[0].Source.Addr(), strings.Join(pods, ", "))
}

// some3 is a few flows for people.
func some3(flows []hubble.Flow) string {
	if len(flows) == 0 {
		return "none at all"
	}
	var texts []string
	for _, f := range flows[:min(3, len(flows))] {
		texts = append(texts, f.String())
	}
	if more := len(flows) - 3; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, "; ")
}
