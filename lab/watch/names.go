package watch

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"sync"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
)

// names tells whose an address is, in the scenario's words. It may be used by many goroutines.
type names struct {
	prefix string // of the cluster's node names

	mu    sync.RWMutex
	addrs map[netip.Addr]string
	macs  map[string]string
}

func newNames(p *plan.Plan) *names {
	n := &names{addrs: map[netip.Addr]string{}, macs: map[string]string{}}
	for _, network := range p.Networks {
		n.planned("host", plan.Attachment{Address: network.Host, Address6: network.Host6})
	}
	for _, x := range p.Places().Of(node.KindRouter, node.KindClient) {
		n.planned(x.Name, x.Networks...)
	}
	for _, g := range p.Gateways {
		n.planned(g.Name, g.Addresses...)
	}
	if p.Cluster != nil {
		n.prefix = p.Cluster.Name + "-"
	}
	return n
}

// planned takes a part's places on networks; nobody asks yet.
func (n *names) planned(name string, at ...plan.Attachment) {
	for _, place := range at {
		for _, a := range place.Addresses() {
			n.addrs[a] = name
		}
	}
}

// learn takes what the engine says of a container's addresses.
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

// addr is the name of who has the address, or the address itself.
func (n *names) addr(a netip.Addr) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if name, ok := n.addrs[a.Unmap()]; ok {
		return name
	}
	return a.Unmap().String()
}

// mac is the name of who has the hardware address, or "".
func (n *names) mac(m string) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.macs[m]
}

// node is what the scenario calls a cluster node, of the name that Kubernetes has for it.
func (n *names) node(kubernetes string) string { return strings.TrimPrefix(kubernetes, n.prefix) }

// with returns fields with further ones, as name and value in turn; empty values are left out.
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

// counted says how many of a thing there are.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
