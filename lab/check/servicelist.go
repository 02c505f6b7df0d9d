package check

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// ServiceList promises each address of a workload's service in Cilium's own list of services, on every node, with every
// pod of the workload as an active backend.
type ServiceList struct {
	Workload string            `json:"workload,omitempty"` // default: the first workload
	Within   scenario.Duration `json:"within,omitempty"`   // default 30 s
}

// SetDefaults fills in the workload and the deadline.
func (c *ServiceList) SetDefaults(s *scenario.Spec) {
	scenario.Or(&c.Workload, s.FirstWorkload())
	scenario.Or(&c.Within, scenario.DefaultWithin)
}

// Validate checks the workload, and that the cluster has Cilium.
func (c *ServiceList) Validate(v *scenario.Validation, path string) {
	v.Workload(path+".workload", c.Workload)
	if !v.Spec().ListsServices() {
		v.Add(path, "seen a check of Cilium's services, want cilium among the addons, and kubeProxy: none")
	}
}

// Title names the workload.
func (c *ServiceList) Title() string { return "Cilium's service list has " + c.Workload }

// Cost returns Looks.
func (*ServiceList) Cost() Cost { return Looks }

// Sends returns nil.
func (*ServiceList) Sends() *scenario.Probe { return nil }

// Run has one result for all nodes.
func (c *ServiceList) Run(ctx context.Context, l Lab, p *plan.Plan) []Result {
	w, err := workloadOf(p, c.Workload)
	results := []Result{{
		Name:     "Cilium's service list has " + w.Name,
		Expected: fmt.Sprintf("on each of %d nodes, every address of %s with each of its %d pods as an active backend", len(nodeNames(p)), w.Name, w.Replicas),
	}}
	if err != nil {
		cannotLook(results, indices(results), err)
		return results
	}
	until(ctx, c.Within.Std(), results, func(ctx context.Context, open []int) {
		e, err := l.Endpoints(ctx, w.Name)
		if err != nil {
			cannotLook(results, open, err)
			return
		}
		held, observed := judgeLists(w, e, askAgents(ctx, l, addon.With[addon.ServiceLister](&p.Scenario.Spec), nodeNames(p)))
		results[0].outcome(held, observed)
	})
	return results
}

// agentList is the answer of a node's agent, or the error.
type agentList struct {
	node     string
	services []addon.Service
	err      error
}

func askAgents(ctx context.Context, l Lab, lister addon.ServiceLister, names []string) []agentList {
	lists := make([]agentList, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() {
			lists[i].node = name
			var n node.Node
			if n, lists[i].err = l.Node(name); lists[i].err == nil {
				lists[i].services, lists[i].err = lister.NodeServices(ctx, n)
			}
		})
	}
	all.Wait()
	return lists
}

// judgeLists reports whether every agent has every frontend with every backend.
func judgeLists(w plan.Workload, e probe.Endpoints, lists []agentList) (held bool, observed string) {
	frontends := listed(w, e)
	var problems []string
	if len(e.Pods) < max(w.Replicas, 1) {
		problems = append(problems, fmt.Sprintf("%d of %d pods are there", len(e.Pods), w.Replicas))
	}
	right := 0
	for _, list := range lists {
		if list.err != nil {
			problems = append(problems, fmt.Sprintf("%s cannot be asked: %v", list.node, list.err))
			continue
		}
		for _, front := range frontends {
			if fault := backendsFault(front, e, list.services); fault != "" {
				problems = append(problems, fmt.Sprintf("%s: %s %s", list.node, front, fault))
				continue
			}
			right++
		}
	}
	observed = fmt.Sprintf("%d of %d frontends have every backend", right, len(frontends)*len(lists))
	if len(frontends) > 0 && right > 0 {
		observed += fmt.Sprintf(" (%s => %s)", frontends[0], join(backendsOf(frontends[0], e)))
	}
	if len(problems) > 0 {
		observed += "; " + strings.Join(problems, "; ")
	}
	return len(problems) == 0 && right > 0, observed
}

// listed are the addresses of a service with all pods as backends. Addresses with the policy Local are left out.
func listed(w plan.Workload, e probe.Endpoints) []netip.AddrPort {
	var kinds []scenario.Target
	if w.Service.InternalTrafficPolicy != "Local" {
		kinds = append(kinds, scenario.TargetClusterIP)
	}
	if w.Service.ExternalTrafficPolicy != "Local" {
		kinds = append(kinds, scenario.TargetExternalIP, scenario.TargetLoadBalancer)
	}
	var all []netip.AddrPort
	for _, k := range kinds {
		for _, a := range e.Addresses(k, record.TCP) {
			all = append(all, a.At)
		}
	}
	return all
}

// backendsOf are the pods' addresses of the frontend's family.
func backendsOf(front netip.AddrPort, e probe.Endpoints) []netip.Addr {
	var all []netip.Addr
	for _, p := range e.Pods {
		for _, a := range p.IPs {
			if a.Is4() == front.Addr().Is4() {
				all = append(all, a)
			}
		}
	}
	return all
}

// backendsFault is the mistake of a frontend in an agent's list, or "".
func backendsFault(front netip.AddrPort, e probe.Endpoints, services []addon.Service) string {
	for _, s := range services {
		if s.Front != front || s.Proto != "tcp" {
			continue
		}
		var active []netip.Addr
		for _, b := range s.Active {
			if b.Port() == e.PodPort.TCP {
				active = append(active, b.Addr())
			}
		}
		for _, want := range backendsOf(front, e) {
			if !slices.Contains(active, want) {
				return fmt.Sprintf("has backends %s, wanted %s", join(active), join(backendsOf(front, e)))
			}
		}
		return ""
	}
	return "is not in the list"
}
