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

// move makes a node at home on the one network that it is left with: its link has the name that every node's has, and
// kubeadm's configuration has its address there.
//
//	$0 address before, $1 address now
const move = `link=$(ip -o -4 address show to "$1" | awk '{print $2; exit}')
if [ "$link" != eth0 ]; then
	ip link set "$link" down
	ip link set "$link" name eth0
	ip link set eth0 up
fi
sed -i "s/\b$(echo "$0" | sed 's/[.]/[.]/g')\b/$1/g" /kind/kubeadm.conf`

// toRacks moves nodes to the networks of their racks. kind puts all of them on one, and kubeadm has not run yet.
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
	// In this order, since a container without any network loses its name service.
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

// nameControlPlane is a command by which a node knows where the control plane is, where the engine's name service will not
// do: it knows containers on a node's own networks only, and names their IPv4 addresses also in a cluster without IPv4.
// Elsewhere it is empty.
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

// addressOn is the address that a node has on a network, by the scenario's name: the IPv6 one in a cluster without IPv4.
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
	return netip.Addr{}, fmt.Errorf("node %s: it has no address on network %s; is it running?", name, network)
}

// engineNetwork is the engine's name of a network of the scenario.
func (c *Cluster) engineNetwork(name string) string {
	for _, n := range c.plan.Networks {
		if n.Name == name {
			return n.Docker
		}
	}
	return name
}
