package live

import (
	"fmt"
	"strings"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/cluster/providers"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/router/gateway"
)

// Names returns the names of all nodes.
func (l *Lab) Names() []string {
	return l.Plan.Places().Names()
}

// Container returns the engine's name of a node's container.
func (l *Lab) Container(name string) (string, error) {
	if p, ok := l.Plan.Places().Find(name); ok {
		return p.Container, nil
	}
	if _, why := l.Plan.Beyond(name); why != "" {
		return "", fmt.Errorf("lab %s: %s", l.Plan.Lab, why)
	}
	return "", fmt.Errorf("lab %s has no node %q; it has: %s", l.Plan.Lab, name, strings.Join(l.Names(), ", "))
}

// Node returns a handle on a node or on a workload's pod. The name is the scenario's, the container's, or a pod's:
// pod/echo@worker.
func (l *Lab) Node(name string) (node.Node, error) {
	if p, err := l.pod(name); p != nil || err != nil {
		return p, err
	}
	if p, ok := l.Plan.Places().Find(name); ok {
		return l.engine.Node(p.Name, p.Kind, p.Container), nil
	}
	_, err := l.Container(name)
	return nil, err
}

// Router returns a handle on a router.
func (l *Lab) Router(name string) (router.Router, error) {
	for _, r := range l.Plan.Routers {
		if r.Name == name {
			return router.New(l.engine, l.Plan, r, "")
		}
	}
	return nil, fmt.Errorf("lab %s has no router %q", l.Plan.Lab, name)
}

// Gateway returns a handle on a gateway.
func (l *Lab) Gateway(name string) (*gateway.Gateway, error) {
	for _, g := range l.Plan.Gateways {
		if g.Name == name {
			return gateway.New(l.engine, l.Plan, g, ""), nil
		}
	}
	return nil, fmt.Errorf("lab %s has no gateway %q", l.Plan.Lab, name)
}

// provider returns the lab's cluster.
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
