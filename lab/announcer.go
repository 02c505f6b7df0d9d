package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/plan"
)

// LeaseHolder is the scenario's name of the node that announces a workload's addresses by ARP: the holder of Cilium's
// lease; of an address of MetalLB's, whose speakers have no lease, the node that answers a client's ARP request.
func (a *arena) LeaseHolder(ctx context.Context, workload string) (string, error) {
	if a.Plan.Cilium != nil && !metalLBAnnounces(a.Plan) {
		return a.Lab.LeaseHolder(ctx, workload)
	}
	i := slices.IndexFunc(a.Plan.Clients, func(c plan.Client) bool { return len(c.OnLink) > 0 })
	if i < 0 {
		return "", errors.New("no client is on the cluster's network, where ARP is heard; add one without gateway and router")
	}
	client := a.Plan.Clients[i]
	endpoints, err := a.Endpoints(ctx, workload)
	if err != nil {
		return "", err
	}
	if len(endpoints.LoadBalancerIPs) == 0 {
		return "", fmt.Errorf("workload %s has no LoadBalancer address", workload)
	}
	return a.answersARP(ctx, client, endpoints.LoadBalancerIPs[0].String())
}

// answersARP asks on a client's segment who has an address. Two that answer are an error that names both.
func (a *arena) answersARP(ctx context.Context, client plan.Client, address string) (string, error) {
	n, err := a.Node(client.Name)
	if err != nil {
		return "", err
	}
	// arping of Debian: -r writes the MAC address of each answer alone, -C ends after so many, -w after so many seconds.
	out, err := n.Exec(ctx, "arping", "-r", "-c", "1", "-w", "1", "-i", client.Network.Network, address)
	macs := answerers(string(out))
	switch {
	case len(macs) == 0:
		return "", errors.Join(fmt.Errorf("nobody answers %s's ARP request for %s", client.Name, address), err)
	case len(macs) > 1:
		return "", fmt.Errorf("%d nodes answer %s's ARP request for %s: %s", len(macs), client.Name, address, strings.Join(macs, ", "))
	}
	return a.nodeOf(ctx, macs[0]), nil
}

// answerers are the MAC addresses in arping's raw output, each once.
func answerers(out string) []string {
	var macs []string
	for line := range strings.Lines(out) {
		mac, err := net.ParseMAC(strings.TrimSpace(line))
		if err == nil && !slices.Contains(macs, mac.String()) {
			macs = append(macs, mac.String())
		}
	}
	return macs
}

// metalLBAnnounces reports whether it is MetalLB that announces by ARP.
func metalLBAnnounces(p *plan.Plan) bool {
	for _, a := range p.Scenario.Spec.Addons {
		if a.MetalLB != nil && a.MetalLB.L2 != nil {
			return true
		}
	}
	return false
}
