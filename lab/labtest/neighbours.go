package labtest

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/node"
)

// Answering are the cluster's nodes whose MACs answer ARP (RFC 826), or NDP (RFC 4861) for an IPv6 address, when a client
// asks twice on a network of its own; each once. A MAC that is no node's is told itself. It is for Eventually.
func (l *Lab) Answering(ctx context.Context, client, network string, at netip.Addr) ([]string, error) {
	from, err := l.Node(client)
	if err != nil {
		return nil, err
	}
	// Both print the MAC of each answer, a line each, and nothing else; each ends with an exit code of its own where nobody
	// answered within 2 s.
	ask, nobody := []string{"arping", "-r", "-c", "2", "-w", "2", "-i", network, at.String()}, 1
	if at.Is6() {
		ask, nobody = []string{"ndisc6", "-m", "-q", "-r", "2", "-w", "1000", at.String(), network}, 2
	}
	out, err := from.Exec(ctx, ask...)
	var exit *node.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.Code != nobody) {
		return nil, err
	}
	owners, err := l.NodeMACs(ctx)
	if err != nil {
		return nil, err
	}
	var nodes []string
	for _, mac := range strings.Fields(strings.ToLower(string(out))) {
		name, ok := owners[mac]
		if !ok {
			name = mac
		}
		if !slices.Contains(nodes, name) {
			nodes = append(nodes, name)
		}
	}
	return nodes, nil
}

// NodeMACs are the names of the cluster's nodes by their MACs on its network.
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
