package watch

import (
	"fmt"
	"maps"
	"net/netip"
	"sync"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
)

// names finds the owner of an address, by the scenario's names. Safe for concurrent use.
type names struct {
	cluster *plan.Cluster // nil without a cluster

	mu    sync.RWMutex
	addrs map[netip.Addr]string
	macs  map[string]string
}

func newNames(p *plan.Plan) *names {
	n := &names{cluster: p.Cluster, addrs: map[netip.Addr]string{}, macs: map[string]string{}}
	for _, network := range p.Networks {
		n.planned("host", plan.Attachment{Address: network.Host, Address6: network.Host6})
	}
	for _, x := range p.Places().Of(node.KindRouter, node.KindClient, node.KindContainer) {
		n.planned(x.Name, x.Networks...)
	}
	for _, g := range p.Gateways {
		n.planned(g.Name, g.Addresses...)
	}
	return n
}

// planned records a part's places on networks; no lookups run yet.
func (n *names) planned(name string, at ...plan.Attachment) {
	for _, place := range at {
		for _, a := range place.Addresses() {
			n.addrs[a] = name
		}
	}
}

// learn records a container's addresses from the engine.
func (n *names) learn(name string, addrs []netip.Addr, macs []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range addrs {
		n.addrs[a] = name
	}
	for _, m := range macs {
		n.macs[m] = name
	}
}

// addr returns the name of the address's owner, or the address itself.
func (n *names) addr(a netip.Addr) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if name, ok := n.addrs[a.Unmap()]; ok {
		return name
	}
	return a.Unmap().String()
}

// mac returns the name of the hardware address's owner, or "".
func (n *names) mac(m string) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.macs[m]
}

// node returns the scenario's name of a cluster node by Kubernetes' name.
func (n *names) node(kubernetes string) string {
	if n.cluster == nil {
		return kubernetes
	}
	return n.cluster.Short(kubernetes)
}

// with returns fields with further fields, from alternating names and values; empty values are left out.
func with(fields map[string]string, more ...string) map[string]string {
	all := make(map[string]string, len(fields)+len(more)/2)
	maps.Copy(all, fields)
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] != "" {
			all[more[i]] = more[i+1]
		}
	}
	return all
}

// counted formats a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
