package labtest

import (
	"context"
	"net/netip"
	"strings"

	"skidpad.dev/skidpad/lab/probe"
)

// Answering returns the cluster's nodes whose MACs answer ARP (RFC 826), or NDP (RFC 4861) for an IPv6 address, for two
// requests of a client on its own network. An unknown MAC is returned as a MAC. For Eventually.
func (l *Lab) Answering(ctx context.Context, client, network string, at netip.Addr) ([]string, error) {
	from, err := l.Node(client)
	if err != nil {
		return nil, err
	}
	macs, err := probe.Neighbours(ctx, from, network, at, 2)
	if err != nil {
		return nil, err
	}
	owners, err := l.NodeMACs(ctx)
	if err != nil {
		return nil, err
	}
	for i, mac := range macs {
		if name, ok := owners[mac]; ok {
			macs[i] = name
		}
	}
	return macs, nil
}

// NodeMACs returns the names of the cluster's nodes by their MACs on the nodes' network.
func (l *Lab) NodeMACs(ctx context.Context) (map[string]string, error) {
	macs := map[string]string{}
	for _, name := range l.AllNodes() {
		n, err := l.Node(name)
		if err != nil {
			return nil, err
		}
		out, err := n.Exec(ctx, "cat", "/sys/class/net/eth0/address")
		if err != nil {
			return nil, err
		}
		macs[strings.TrimSpace(string(out))] = name
	}
	return macs, nil
}
