package kind

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
)

// move moves a node to its only remaining network: the link gets the usual name, and kubeadm's configuration gets the
// address there.
//
// $0 address before, $1 address now
const move = `link=$(ip -o -4 address show to "$1" | awk '{print $2; exit}')
if [ "$link" != eth0 ]; then
	ip link set "$link" down
	ip link set "$link" name eth0
	ip link set eth0 up
fi
sed -i "s/\b$(echo "$0" | sed 's/[.]/[.]/g')\b/$1/g" /kind/kubeadm.conf`

// toRacks moves nodes to the networks of their racks. kind puts all nodes on the same network, and kubeadm has not run
// yet.
func (c *Cluster) toRacks(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range c.plan.Cluster.Nodes {
		if c.plan.Cluster.HomeOf(n) == c.plan.Cluster.Network {
			continue
		}
		group.Go(func() error {
			if err := c.moveNode(ctx, n); err != nil {
				return fmt.Errorf("cluster %s: node %s to network %s: %w", c.plan.Cluster.Name, n.Name, n.Network, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (c *Cluster) moveNode(ctx context.Context, n plan.Node) error {
	old, err := c.addressOn(ctx, n.Name, c.plan.Cluster.Network)
	if err != nil {
		return err
	}
	// In this order, because a container without any network loses its name service.
	if _, err := c.engine.Client.NetworkConnect(ctx, c.engineNetwork(n.Network), client.NetworkConnectOptions{Container: n.Name}); err != nil {
		return err
	}
	if _, err := c.engine.Client.NetworkDisconnect(ctx, c.engineNetwork(c.plan.Cluster.Network), client.NetworkDisconnectOptions{Container: n.Name}); err != nil {
		return err
	}
	now, err := c.addressOn(ctx, n.Name, n.Network)
	if err != nil {
		return err
	}
	out, err := c.engine.Node(n.Name, node.KindCluster, n.Name).Exec(ctx, "sh", "-ec", move, old.String(), now.String())
	if err != nil {
		return failure("moving to "+now.String(), out, err)
	}
	return nil
}

// nameControlPlane returns a command that teaches a node the control plane's address if the engine's name service does
// not help: the service knows only containers on a node's own networks, and gives IPv4 addresses even in a cluster
// without IPv4. Otherwise nameControlPlane returns "".
func (c *Cluster) nameControlPlane(ctx context.Context, n plan.Node) (string, error) {
	if c.plan.Cluster.HomeOf(n) == c.plan.Cluster.Network && c.plan.Scenario.Spec.IPv4() {
		return "", nil
	}
	first := c.plan.Cluster.ControlPlanes()[0].Name
	at, err := c.addressOn(ctx, first, c.plan.Cluster.Network)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`grep -qw %[2]s /etc/hosts || echo "%[1]s %[2]s" >> /etc/hosts`, at, first), nil
}

// addressOn returns a node's address on a network, by the scenario's name: the IPv6 address in a cluster without IPv4.
func (c *Cluster) addressOn(ctx context.Context, name, network string) (netip.Addr, error) {
	seen, err := c.engine.Client.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err != nil {
		return netip.Addr{}, fmt.Errorf("node %s: %w", name, err)
	}
	if settings := seen.Container.NetworkSettings; settings != nil {
		if at := settings.Networks[c.engineNetwork(network)]; at != nil {
			address := at.IPAddress
			if !c.plan.Scenario.Spec.IPv4() {
				address = at.GlobalIPv6Address
			}
			if address.IsValid() {
				return address, nil
			}
		}
	}
	return netip.Addr{}, fmt.Errorf("node %s: no address on network %s; check that the node runs", name, network)
}

// engineNetwork returns the engine's name of a network of the scenario.
func (c *Cluster) engineNetwork(name string) string {
	for _, n := range c.plan.Networks {
		if n.Name == name {
			return n.Docker
		}
	}
	return name
}
