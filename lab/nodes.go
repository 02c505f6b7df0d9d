package lab

import (
	"fmt"
	"strings"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/cluster/providers"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/router/gateway"
)

// place is where a node of the plan runs.
type place struct {
	name      string
	kind      node.Kind
	container string
}

// planned lists all that is to run, in the plan's order.
func (l *Lab) planned() []place {
	var all []place
	if c := l.Plan.Cluster; c != nil {
		for _, n := range c.Nodes {
			all = append(all, place{n.Short, node.KindCluster, n.Name})
		}
		if k := c.K3s; k != nil {
			all = append(all, place{k.Datastore.Name, node.KindDatastore, k.Datastore.Container})
		}
	}
	for _, r := range l.Plan.Routers {
		all = append(all, place{r.Name, node.KindRouter, r.Container})
	}
	for _, g := range l.Plan.Gateways {
		for _, m := range g.Members {
			all = append(all, place{m.Router + "-" + g.Name, node.KindGateway, m.Container})
		}
	}
	for _, c := range l.Plan.Clients {
		all = append(all, place{c.Name, node.KindClient, c.Container})
	}
	return all
}

// Names are the names of all nodes.
func (l *Lab) Names() []string {
	var names []string
	for _, p := range l.planned() {
		names = append(names, p.name)
	}
	return names
}

// Container is the engine's name of a node's container.
func (l *Lab) Container(name string) (string, error) {
	for _, p := range l.planned() {
		if p.name == name || p.container == name {
			return p.container, nil
		}
	}
	return "", fmt.Errorf("lab %s has no node %q; it has: %s", l.Plan.Lab, name, strings.Join(l.Names(), ", "))
}

// Node is a handle on a node, by the scenario's name or the container's, or on a workload's pod: pod/echo@worker.
func (l *Lab) Node(name string) (node.Node, error) {
	if p, err := l.pod(name); p != nil || err != nil {
		return p, err
	}
	for _, p := range l.planned() {
		if p.name == name || p.container == name {
			return l.engine.Node(p.name, p.kind, p.container), nil
		}
	}
	_, err := l.Container(name)
	return nil, err
}

// Router is a handle on a router.
func (l *Lab) Router(name string) (router.Router, error) {
	for _, r := range l.Plan.Routers {
		if r.Name == name {
			return router.New(l.engine, l.Plan, r, "")
		}
	}
	return nil, fmt.Errorf("lab %s has no router %q", l.Plan.Lab, name)
}

// Gateway is a handle on a gateway.
func (l *Lab) Gateway(name string) (*gateway.Gateway, error) {
	for _, g := range l.Plan.Gateways {
		if g.Name == name {
			return gateway.New(l.engine, l.Plan, g, ""), nil
		}
	}
	return nil, fmt.Errorf("lab %s has no gateway %q", l.Plan.Lab, name)
}

// provider is the lab's cluster.
func (l *Lab) provider() (cluster.Provider, error) {
	if l.Plan.Cluster == nil {
		return nil, fmt.Errorf("lab %s has no cluster", l.Plan.Lab)
	}
	path, err := l.Kubeconfig()
	if err != nil {
		return nil, err
	}
	return providers.New(l.engine, l.Plan, l.images, path, nil), nil
}
