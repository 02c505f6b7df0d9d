package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// arena is a lab while checks run in it that may break it.
type arena struct {
	*Lab
	options  TestOptions
	injector *fault.Injector

	mu     sync.Mutex
	nodes  map[string]string     // cluster nodes by MAC
	names  map[netip.Addr]string // and by address
	routes []timeline.Event      // of FIBs, since the check began
}

var _ check.Disturbable = (*arena)(nil)

// injected is a fault in force, on one node or on several at once.
type injected []*fault.Active

// Window is from the first one's begin until all were in force.
func (i injected) Window() (begin, end int64) {
	for n, f := range i {
		b, e := f.Window()
		if n == 0 || b < begin {
			begin = b
		}
		end = max(end, e)
	}
	return begin, end
}

// Clear undoes all of them, side by side.
func (i injected) Clear(ctx context.Context) error {
	errs := make([]error, len(i))
	var group sync.WaitGroup
	for n, f := range i {
		group.Go(func() { errs[n] = f.Clear(ctx) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// Inject puts a scenario's fault into force.
func (a *arena) Inject(ctx context.Context, f scenario.Fault) (check.Injected, error) {
	faults := a.Faults(f)
	all := make(injected, len(faults))
	errs := make([]error, len(faults))
	var group sync.WaitGroup
	for i, one := range faults {
		group.Go(func() { all[i], errs[i] = a.injector.Inject(ctx, one) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		all = slices.DeleteFunc(all, func(f *fault.Active) bool { return f == nil })
		return nil, errors.Join(err, all.Clear(context.WithoutCancel(ctx)))
	}
	return all, nil
}

// Faults are what a scenario's fault means: one, or one for each node of the cluster.
func (l *Lab) Faults(f scenario.Fault) []fault.Fault {
	one := fault.Of(f)
	if kind, _ := f.About(); !kind.Everywhere || one.Node != scenario.AllNodes || l.Plan.Cluster == nil {
		return []fault.Fault{one}
	}
	var all []fault.Fault
	for _, n := range l.Plan.Cluster.Nodes {
		one.Node = n.Short
		all = append(all, one)
	}
	return all
}

// Base reports what keeps the lab from being as its plan says: what Status finds, and a gateway that is not
// where it should be.
func (a *arena) Base(ctx context.Context) error {
	st, err := a.Status(ctx)
	if err != nil {
		return err
	}
	if !st.Healthy {
		return errors.New(strings.Join(st.Problems, "; "))
	}
	for i, g := range st.Gateways {
		wanted := preferred(a.Plan, g.Name)
		if g.Holder != wanted {
			return fmt.Errorf("gateway %s is held by %s, not by %s", st.Gateways[i].Name, g.Holder, wanted)
		}
	}
	if wanted := preferredHolder(a.Plan); st.Endpoint != nil && st.Endpoint.Holder != wanted {
		return fmt.Errorf("the API's address is held by %s, not by %s", st.Endpoint.Holder, wanted)
	}
	return nil
}

// preferred is the member of a gateway that holds it when all is well.
func preferred(p *plan.Plan, gateway string) string {
	best, name := 0, ""
	for _, g := range p.Gateways {
		for _, m := range g.Members {
			if g.Name == gateway && m.Priority > best {
				best, name = m.Priority, m.Router
			}
		}
	}
	return name
}

// Carrier asks the router that holds the sender's gateway for its next hops; without a router between, it asks
// the sender whose MAC it has for the address.
func (a *arena) Carrier(ctx context.Context, from string, to netip.Addr) (check.Carrier, error) {
	router, err := a.firstRouter(ctx, from)
	if err != nil {
		return check.Carrier{}, err
	}
	if router == "" {
		node, err := a.neighbour(ctx, from, to)
		return check.Carrier{Nodes: node}, err
	}
	c := check.Carrier{Router: router}
	handle, err := a.Router(router)
	if err != nil {
		return c, err
	}
	fib, err := handle.FIB(ctx)
	if err != nil {
		return c, err
	}
	for _, hop := range nextHops(fib, to) {
		c.Nodes = append(c.Nodes, a.nodeAt(ctx, hop))
	}
	slices.Sort(c.Nodes)
	return c, nil
}

// firstRouter is the router that a node sends to: that which holds its gateway now, or its only one. Of a node
// without either it is empty.
func (a *arena) firstRouter(ctx context.Context, from string) (string, error) {
	for _, c := range a.Plan.Scenario.Spec.Clients {
		switch {
		case c.Name != from:
		case c.Gateway != "":
			g, err := a.Gateway(c.Gateway)
			if err != nil {
				return "", err
			}
			return g.Holder(ctx)
		default:
			return c.Router, nil
		}
	}
	for _, r := range a.Plan.Routers {
		if r.Name == from {
			return from, nil
		}
	}
	return "", nil
}

// nextHops are those of the longest prefix that holds an address.
func nextHops(fib []bgp.Route, to netip.Addr) []netip.Addr {
	var best *bgp.Route
	for i, r := range fib {
		if r.Prefix.Contains(to) && (best == nil || r.Prefix.Bits() > best.Prefix.Bits()) {
			best = &fib[i]
		}
	}
	if best == nil {
		return nil
	}
	var all []netip.Addr
	for _, h := range best.NextHops {
		all = append(all, h.Address)
	}
	return all
}

// nodeAt names the cluster node that has an address; names are kept, since the API may be what fails.
func (a *arena) nodeAt(ctx context.Context, at netip.Addr) string {
	a.mu.Lock()
	name, ok := a.names[at]
	a.mu.Unlock()
	if ok {
		return name
	}
	if nodes, err := a.ClusterNodes(ctx); err == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.names = map[netip.Addr]string{}
		for _, n := range nodes {
			for _, address := range n.Addresses {
				a.names[address] = n.Name
			}
		}
		if name, ok := a.names[at]; ok {
			return name
		}
	}
	return at.String()
}

// neighbour is the node whose MAC a client has for an address on its own segment.
func (a *arena) neighbour(ctx context.Context, from string, to netip.Addr) ([]string, error) {
	n, err := a.Node(from)
	if err != nil {
		return nil, err
	}
	out, err := n.Exec(ctx, "ip", "-j", "neigh", "show", to.String())
	if err != nil {
		return nil, err
	}
	var seen []struct {
		MAC string `json:"lladdr"`
	}
	if err := json.Unmarshal(out, &seen); err != nil && len(strings.TrimSpace(string(out))) > 0 {
		return nil, fmt.Errorf("output of ip neigh on %s: %w; it begins %.80q", from, err, out)
	}
	var names []string
	for _, s := range seen {
		if s.MAC != "" {
			names = append(names, a.nodeOf(ctx, s.MAC))
		}
	}
	return names, nil
}

// nodeOf names the cluster node that has a MAC, which is kept for when the node is dead.
func (a *arena) nodeOf(ctx context.Context, mac string) string {
	a.mu.Lock()
	name, ok := a.nodes[mac]
	a.mu.Unlock()
	if ok || a.Plan.Cluster == nil {
		return name
	}
	found := make([]string, len(a.Plan.Cluster.Nodes))
	var group errgroup.Group
	for i, n := range a.Plan.Cluster.Nodes {
		group.Go(func() error {
			if handle, err := a.Node(n.Short); err == nil {
				out, _ := handle.Exec(ctx, "cat", "/sys/class/net/eth0/address")
				found[i] = strings.TrimSpace(string(out))
			}
			return nil
		})
	}
	_ = group.Wait() // no function of it returns an error
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.nodes == nil {
		a.nodes = map[string]string{}
	}
	for i, m := range found {
		if m != "" {
			a.nodes[m] = a.Plan.Cluster.Nodes[i].Short
		}
	}
	if name, ok := a.nodes[mac]; ok {
		return name
	}
	return mac
}
