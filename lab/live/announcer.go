package live

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
)

// Announcer returns the scenario's name of the node that announces a workload's addresses by ARP, with any addon.
func (l *Lab) Announcer(ctx context.Context, workload string) (string, error) {
	return l.Who().LeaseHolder(ctx, workload)
}

// LeaseHolder returns the scenario's name of the node that announces a workload's addresses by ARP. With Leases, the
// node is the holder of the workload's Lease. Without Leases, the node answers a client's ARP request.
func (w *Who) LeaseHolder(ctx context.Context, workload string) (string, error) {
	if _, ok := addon.AnnouncerOf(&w.Plan.Scenario.Spec).(addon.Leaser); ok {
		return w.Lab.LeaseHolder(ctx, workload)
	}
	i := slices.IndexFunc(w.Plan.Clients, func(c plan.Client) bool { return w.Plan.Cluster != nil && c.Network.Network == w.Plan.Cluster.Network })
	if i < 0 {
		return "", errors.New("no client is on the cluster's network, where ARP is heard; add a client there")
	}
	client := w.Plan.Clients[i]
	endpoints, err := w.Endpoints(ctx, workload)
	if err != nil {
		return "", err
	}
	if len(endpoints.LoadBalancerIPs) == 0 {
		return "", fmt.Errorf("workload %s has no LoadBalancer address", workload)
	}
	return w.answersARP(ctx, client, endpoints.LoadBalancerIPs[0])
}

// answersARP asks on a client's segment for the node with an address. If two nodes answer, the error names both.
func (w *Who) answersARP(ctx context.Context, client plan.Client, address netip.Addr) (string, error) {
	n, err := w.Node(client.Name)
	if err != nil {
		return "", err
	}
	macs, err := probe.Neighbours(ctx, n, client.Network.Network, address, 1)
	if err != nil {
		return "", err
	}
	switch {
	case len(macs) == 0:
		return "", fmt.Errorf("nobody answers %s's ARP request for %s", client.Name, address)
	case len(macs) > 1:
		return "", fmt.Errorf("%d nodes answer %s's ARP request for %s: %s", len(macs), client.Name, address, strings.Join(macs, ", "))
	}
	return w.nodeOf(ctx, macs[0]), nil
}
