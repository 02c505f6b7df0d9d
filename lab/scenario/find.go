package scenario

import (
	"fmt"
	"slices"
)

// Router returns the router with the given name, or nil.
func (s *Spec) Router(name string) *Router {
	for i := range s.Routers {
		if s.Routers[i].Name == name {
			return &s.Routers[i]
		}
	}
	return nil
}

// Gateway returns the gateway with the given name, or nil.
func (s *Spec) Gateway(name string) *Gateway {
	for i := range s.Gateways {
		if s.Gateways[i].Name == name {
			return &s.Gateways[i]
		}
	}
	return nil
}

// Echo returns the echo workload with the given name, or nil.
func (s *Spec) Echo(name string) *Echo {
	for _, w := range s.Workloads {
		if w.Echo != nil && w.Echo.Name == name {
			return w.Echo
		}
	}
	return nil
}

// FirstWorkload returns the name of the first workload, or "".
func (s *Spec) FirstWorkload() string {
	if len(s.Workloads) == 0 || s.Workloads[0].Echo == nil {
		return ""
	}
	return s.Workloads[0].Echo.Name
}

// Sized is a part whose size the file chooses, such as a check of many services.
type Sized interface {
	// Memory estimates the memory of the part on the engine's machine, in bytes.
	Memory() int64
}

// memoryPerRoute is the memory of a generated route in a generator and two routers, in bytes: measured, see
// scenarios/full-table.
const memoryPerRoute = 2900

// Memory estimates the memory of all parts whose size the file chooses, in bytes; 0 without such a part.
func (s *Spec) Memory() int64 {
	var all int64
	for _, r := range s.Routers {
		if r.BGP != nil && r.BGP.Table != nil {
			all += int64(r.BGP.Table.Routes) * memoryPerRoute
		}
	}
	for _, c := range s.Checks {
		if sized, ok := c.Fields.(Sized); ok {
			all += sized.Memory()
		}
	}
	return all
}

// HasNetwork reports whether the scenario has a network of that name.
func (s *Spec) HasNetwork(name string) bool {
	return slices.ContainsFunc(s.Networks, func(n Network) bool { return n.Name == name })
}

// NodeNames returns the names of the cluster's nodes in scenario files, in the provider's order: control-plane, control-plane2
// …, worker, worker2 …. Without a cluster the list is empty.
func (s *Spec) NodeNames() []string {
	if s.Cluster == nil || s.Cluster.Workers == nil {
		return nil
	}
	var all []string
	add := func(role string, count int) {
		for i := 1; i <= count; i++ {
			if i == 1 {
				all = append(all, role)
			} else {
				all = append(all, fmt.Sprintf("%s%d", role, i))
			}
		}
	}
	add("control-plane", s.Cluster.ControlPlanes)
	add("worker", *s.Cluster.Workers)
	return all
}
