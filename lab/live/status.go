package live

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/router/gateway"
)

// statusWithin bounds a status. A part without an answer by then is a problem.
const statusWithin = 20 * time.Second

// Status is the current state of a lab.
type Status struct {
	Name     string   `json:"name"`
	Scenario string   `json:"scenario"`
	Healthy  bool     `json:"healthy"`
	Problems []string `json:"problems"`
	// Notes are facts that are no problems: substituted parts and parts left out.
	Notes      []string        `json:"notes,omitempty"`
	Kubeconfig string          `json:"kubeconfig,omitempty"`
	Networks   []plan.Network  `json:"networks"`
	Nodes      []NodeStatus    `json:"nodes"`
	Sessions   []bgp.Session   `json:"sessions"`
	Gateways   []GatewayStatus `json:"gateways,omitempty"`
	Workloads  []*addon.Status `json:"workloads,omitempty"`
	Endpoint   *EndpointStatus `json:"apiEndpoint,omitempty"`
}

// NodeStatus is one container of the lab.
type NodeStatus struct {
	Name      string                `json:"name"`
	Role      string                `json:"role"`
	State     string                `json:"state"`               // the engine's: running, exited …; "absent" without a container
	Addresses map[string]netip.Addr `json:"addresses,omitempty"` // by the scenario's name of the network
}

// GatewayStatus is the state of a gateway's address.
type GatewayStatus struct {
	Name    string           `json:"name"`
	Holder  string           `json:"holder,omitempty"` // empty unless one member alone holds all addresses
	Members []gateway.Member `json:"members"`
	VIPs    []netip.Addr     `json:"vips"`
}

// examination collects the findings of a status from several goroutines.
type examination struct {
	*Lab
	mu sync.Mutex
	st Status
}

func (x *examination) problem(format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.st.Problems = append(x.st.Problems, fmt.Sprintf(format, args...))
}

func (x *examination) note(set func(*Status)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	set(&x.st)
}

// Status compares the lab with the plan. Problems lists the differences. An error comes only from the engine.
func (l *Lab) Status(ctx context.Context) (*Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	x := &examination{Lab: l}
	x.st = Status{Name: l.Plan.Lab, Scenario: l.Plan.Scenario.Metadata.Name, Networks: l.Plan.Networks, Problems: []string{}, Notes: l.Notes(), Sessions: []bgp.Session{}}
	if l.Plan.Cluster != nil {
		path, err := l.Kubeconfig()
		if err != nil {
			return nil, err
		}
		x.st.Kubeconfig = path
	}
	containers, err := l.engine.Containers(ctx, l.Plan.Lab)
	if err != nil {
		return nil, err
	}
	foreign, err := l.engine.Named(ctx, l.Plan.Foreign()...)
	if err != nil {
		return nil, err
	}
	running := x.nodes(append(containers, foreign...))
	if Parked(containers) {
		x.st.Problems = []string{fmt.Sprintf("the lab is parked: all containers are frozen; `skidpad up --name %s` thaws the lab", l.Plan.Lab)}
		return &x.st, nil
	}
	var group errgroup.Group
	for _, r := range l.Plan.Routers {
		if running[r.Name] {
			group.Go(func() error { x.router(ctx, r); return nil })
		}
	}
	group.Go(func() error { x.links(ctx, running); return nil })
	group.Go(func() error { x.impairments(ctx); return nil })
	for _, g := range l.Plan.Gateways {
		group.Go(func() error { x.gateway(ctx, g); return nil })
	}
	if l.Plan.Cluster != nil {
		group.Go(func() error { x.cluster(ctx); return nil })
		if l.Plan.Cluster.APIEndpoint != nil {
			group.Go(func() error { x.endpoint(ctx, running); return nil })
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	bgp.SortSessions(x.st.Sessions)
	slices.Sort(x.st.Problems)
	x.st.Healthy = len(x.st.Problems) == 0
	return &x.st, nil
}

// Frozen is the engine's state of a frozen container.
const Frozen = "paused"

// Parked reports whether all containers of a lab are frozen.
func Parked(containers []docker.Info) bool {
	return len(containers) > 0 && !slices.ContainsFunc(containers, func(c docker.Info) bool { return c.State != Frozen })
}

// nodes compares containers with the plan, and returns the running nodes.
func (x *examination) nodes(containers []docker.Info) map[string]bool {
	running := map[string]bool{}
	for _, p := range x.Plan.Places() {
		n := NodeStatus{Name: p.Name, Role: string(p.Kind), State: "absent"}
		for _, c := range containers {
			if c.Name == p.Container {
				n.State, n.Addresses = c.State, x.addresses(c)
				if p.Kind == node.KindContainer { // the namespace's holder has the engine's addresses
					n.Addresses = map[string]netip.Addr{}
					for _, a := range p.Networks {
						n.Addresses[a.Network] = a.Address
					}
				}
				linked(&n, p)
			}
		}
		running[p.Name] = n.State == "running"
		if !running[p.Name] {
			x.problem("%s %s: it is %s, not running; `skidpad up --name %s` makes what is missing", n.Role, n.Name, n.State, x.Plan.Lab)
		}
		x.st.Nodes = append(x.st.Nodes, n)
	}
	return running
}

// addresses returns a container's addresses by the scenario's names of the networks.
func (x *examination) addresses(c docker.Info) map[string]netip.Addr {
	byName := map[string]netip.Addr{}
	for _, n := range x.Plan.Networks {
		if a, ok := c.Addresses[n.Docker]; ok && a.IsValid() {
			byName[n.Name] = a
		}
	}
	return byName
}

// router compares a router's sessions with its configuration.
func (x *examination) router(ctx context.Context, r plan.Router) {
	if !r.Speaks() && r.OSPF == nil {
		return
	}
	handle, err := router.New(x.engine, x.Plan, r, "")
	if err != nil {
		x.problem("router %s: %v", r.Name, err)
		return
	}
	if r.OSPF != nil {
		seen, err := router.Adjacencies(ctx, handle)
		if err != nil {
			x.problem("router %s: %v", r.Name, err)
			return
		}
		_, wrong := router.WrongAdjacencies(r, seen)
		for _, w := range wrong {
			x.problem("router %s: %s", r.Name, w)
		}
	}
	if !r.Speaks() {
		return
	}
	sessions, err := handle.Sessions(ctx)
	if err != nil {
		x.problem("router %s: its sessions cannot be read: %v", r.Name, err)
		return
	}
	x.note(func(s *Status) { s.Sessions = append(s.Sessions, sessions...) })
	for _, wrong := range wrongSessions(r, sessions) {
		x.problem("router %s: %s", r.Name, wrong)
	}
}

// wrongSessions names each session of a router that is not Established, or whose planned BFD is not Up. If the plan has more sessions than are
// Established, the last text counts both. A session of native configuration replaces no session of the plan.
func wrongSessions(r plan.Router, sessions []bgp.Session) []string {
	var wrong []string
	up, planned := 0, r.PlannedSessions()
	for _, s := range sessions {
		switch {
		case s.State != bgp.Established:
			wrong = append(wrong, fmt.Sprintf("session with %s (%s) is %s, not Established %s", s.PeerName, s.Peer, s.State, s.Reason))
		case r.Plans(s.Peer):
			up++
			if r.BGP.WatchesByBFD(s.Peer) && s.BFD != "" && s.BFD != "Up" {
				wrong = append(wrong, fmt.Sprintf("BFD with %s (%s) is %s, not Up: until then, only the hold time ends the session with a silent peer", s.PeerName, s.Peer, s.BFD))
			}
		}
	}
	if up < planned {
		wrong = append(wrong, fmt.Sprintf("%d of %d sessions are Established", up, planned))
	}
	return wrong
}

// gateway asks for the holder of the gateway.
func (x *examination) gateway(ctx context.Context, g plan.Gateway) {
	handle := gateway.New(x.engine, x.Plan, g, "")
	st := GatewayStatus{Name: g.Name, Members: handle.Members(ctx)}
	for _, a := range g.Addresses {
		st.VIPs = append(st.VIPs, a.Addresses()...)
	}
	holder, err := handle.HolderAmong(st.Members)
	st.Holder = holder
	if err != nil {
		x.problem("gateway %s: %v", g.Name, err)
	}
	x.note(func(s *Status) { s.Gateways = append(s.Gateways, st) })
}

// cluster asks the API for nodes and workloads.
func (x *examination) cluster(ctx context.Context) {
	kube, err := x.Kube(ctx)
	if err != nil {
		x.problem("cluster: its API does not answer: %v", err)
		return
	}
	nodes, err := addon.ReadNodes(ctx, kube)
	if err != nil {
		x.problem("cluster: nodes: %v", err)
		return
	}
	for _, n := range nodes {
		if !n.Ready {
			x.problem("node %s: not ready: %s", n.Name, n.Reason)
		} else if len(n.Taints) > 0 {
			x.problem("node %s: takes no pods yet: taint %s", n.Name, strings.Join(n.Taints, ", "))
		}
	}
	if all := len(x.Plan.Cluster.Members()); len(nodes) < all {
		x.problem("cluster: %d of %d nodes have joined", len(nodes), all)
	}
	x.agents(ctx, kube)
	for _, w := range x.Plan.Workloads {
		st, err := addon.ReadStatus(ctx, kube, w)
		if err != nil {
			x.problem("workload %s: %v", w.Name, err)
			continue
		}
		x.note(func(s *Status) { s.Workloads = append(s.Workloads, st) })
		x.workload(w, st)
	}
}

// workload compares a workload with the plan.
func (x *examination) workload(w plan.Workload, st *addon.Status) {
	ready := 0
	for _, p := range st.Pods {
		if p.Ready {
			ready++
		}
	}
	if ready < w.Replicas {
		x.problem("workload %s: %d of %d pods are ready", w.Name, ready, w.Replicas)
	}
	if w.Service.Type == "LoadBalancer" && len(st.LoadBalancerIPs) == 0 {
		x.problem("workload %s: its service has no LoadBalancer address", w.Name)
	}
}
