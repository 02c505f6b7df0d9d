package live

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Who names the cluster nodes behind addresses and MACs. A Who keeps the names, because a dead node and a silent API
// give no names.
type Who struct {
	*Lab

	mu    sync.Mutex
	nodes map[string]string     // cluster nodes by MAC
	names map[netip.Addr]string // and by address
}

// Who returns a Who without kept names.
func (l *Lab) Who() *Who { return &Who{Lab: l} }

// nodeAt names the cluster node, router or client with an address. nodeAt keeps the nodes' names, because the API may
// fail later.
func (w *Who) nodeAt(ctx context.Context, at netip.Addr) string {
	w.mu.Lock()
	name, ok := w.names[at]
	w.mu.Unlock()
	if ok {
		return name
	}
	if nodes, err := w.ClusterNodes(ctx); err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.names = map[netip.Addr]string{}
		for _, n := range nodes {
			for _, address := range n.Addresses {
				w.names[address] = n.Name
			}
		}
		if name, ok := w.names[at]; ok {
			return name
		}
	}
	if place, ok := w.Plan.Places().At(at); ok { // a router or a client
		return place.Name
	}
	return at.String()
}

// neighbour returns the node whose MAC a client has for an address on the client's own segment.
func (w *Who) neighbour(ctx context.Context, from string, to netip.Addr) ([]string, error) {
	n, err := w.Node(from)
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
			names = append(names, w.nodeOf(ctx, s.MAC))
		}
	}
	return names, nil
}

// nodeOf names the cluster node with a MAC. nodeOf keeps the name, because the node may die later.
func (w *Who) nodeOf(ctx context.Context, mac string) string {
	w.mu.Lock()
	name, ok := w.nodes[mac]
	w.mu.Unlock()
	if ok || w.Plan.Cluster == nil {
		return name
	}
	found := make([]string, len(w.Plan.Cluster.Nodes))
	var group errgroup.Group
	for i, n := range w.Plan.Cluster.Nodes {
		group.Go(func() error {
			if handle, err := w.Node(n.Short); err == nil {
				out, _ := handle.Exec(ctx, "cat", "/sys/class/net/eth0/address")
				found[i] = strings.TrimSpace(string(out))
			}
			return nil
		})
	}
	_ = group.Wait() // no function of the group returns an error
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.nodes == nil {
		w.nodes = map[string]string{}
	}
	for i, m := range found {
		if m != "" {
			w.nodes[m] = w.Plan.Cluster.Nodes[i].Short
		}
	}
	if name, ok := w.nodes[mac]; ok {
		return name
	}
	return mac
}
