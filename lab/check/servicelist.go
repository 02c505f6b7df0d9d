package check

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// listServices has a node's Cilium agent print its services. The container is found on the node, without the API
// server, and therefore without any service.
const listServices = `agent=$(crictl ps --state Running --name '^cilium-agent$' --latest -q) && [ -n "$agent" ] || ` +
	`{ echo "no cilium-agent runs on this node" >&2; exit 1; }; exec crictl exec "$agent" cilium-dbg service list -o json`

// ciliumService is a service in the output of `cilium-dbg service list -o json`.
type ciliumService struct {
	Status struct {
		Realized struct {
			Frontend struct {
				IP       string `json:"ip"`
				Port     uint16 `json:"port"`
				Protocol string `json:"protocol"`
				Scope    string `json:"scope"`
			} `json:"frontend-address"`
			Backends []struct {
				IP    string `json:"ip"`
				Port  uint16 `json:"port"`
				State string `json:"state"`
			} `json:"backend-addresses"`
		} `json:"realized"`
	} `json:"status"`
}

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
		v.Add(path, "seen a check of Cilium's services, want cilium among the addons")
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
		held, observed := judgeLists(w, e, askAgents(ctx, l, nodeNames(p)))
		results[0].outcome(held, observed)
	})
	return results
}

// agentList is the answer of a node's agent, or the error.
type agentList struct {
	node     string
	services []ciliumService
	err      error
}

func askAgents(ctx context.Context, l Lab, names []string) []agentList {
	lists := make([]agentList, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() {
			lists[i].node = name
			var n node.Node
			var out []byte
			if n, lists[i].err = l.Node(name); lists[i].err != nil {
				return
			}
			if out, lists[i].err = n.Exec(ctx, "sh", "-c", listServices); lists[i].err == nil {
				lists[i].err = json.Unmarshal(out, &lists[i].services)
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
func backendsFault(front netip.AddrPort, e probe.Endpoints, services []ciliumService) string {
	for _, s := range services {
		r := s.Status.Realized
		ip, err := netip.ParseAddr(r.Frontend.IP)
		if err != nil || ip != front.Addr() || r.Frontend.Port != front.Port() || !strings.EqualFold(r.Frontend.Protocol, "tcp") || r.Frontend.Scope == "internal" {
			continue
		}
		var active []netip.Addr
		for _, b := range r.Backends {
			if a, err := netip.ParseAddr(b.IP); err == nil && b.State == "active" && b.Port == e.PodPort.TCP {
				active = append(active, a)
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
