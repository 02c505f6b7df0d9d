package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/vishvananda/netlink"

	links "skidpad.dev/skidpad/lab/agent/link"
)

// nodeWithin bounds the wait until a cluster node's systemd has set the node's routes.
const nodeWithin = 60 * time.Second

// endpoint is a container's place on a network, by the engine's name of the network.
type endpoint struct {
	Address  netip.Addr `json:"address"`
	Address6 netip.Addr `json:"address6,omitzero"` // invalid without IPv6
	MAC      string     `json:"mac,omitempty"`
	Aliases  []string   `json:"aliases,omitempty"`
}

// addresses returns the valid addresses of both families.
func (e endpoint) addresses() []netip.Addr {
	return slices.DeleteFunc([]netip.Addr{e.Address, e.Address6}, func(a netip.Addr) bool { return !a.IsValid() })
}

func endpointsOf(c container.InspectResponse) map[string]endpoint {
	list := map[string]endpoint{}
	if c.NetworkSettings == nil {
		return list
	}
	for name, ep := range c.NetworkSettings.Networks {
		if ep != nil && ep.IPAddress.IsValid() {
			list[name] = endpoint{ep.IPAddress, ep.GlobalIPv6Address, ep.MacAddress.String(), ep.Aliases}
		}
	}
	return list
}

// reviveNode starts a cluster node. Nodes are made without fixed addresses, and the engine gives the next free addresses at
// each start. Kubernetes and every configuration use the old addresses, and reviveNode therefore first asks for the old
// addresses.
func (in *Injector) reviveNode(ctx context.Context, at place, before map[string]endpoint) error {
	for name, ep := range before {
		if in.plan.Cluster.Exists() {
			break // the settings of the user's container stay, and the engine gives the first free address again
		}
		if err := in.pin(ctx, at.container, name, ep); err != nil {
			return err
		}
	}
	if _, err := in.engine.Client.ContainerStart(ctx, at.container, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("container %s: %w", at.container, err)
	}
	if err := links.Ensure(ctx, in.engine, in.plan, at.name); err != nil {
		return err
	}
	if c := in.plan.Cluster; c.Exists() && len(c.Routes) > 0 {
		if _, err := in.engine.Node(at.name, at.kind, at.container).Exec(ctx, "sh", "-ec", strings.Join(c.RouteCommands(), "\n")); err != nil {
			return fmt.Errorf("routes of %s: %w", at.name, err)
		}
	}
	have, err := in.inspect(ctx, at.container)
	if err != nil {
		return err
	}
	now := endpointsOf(have)
	for name, ep := range before {
		if now := now[name].addresses(); !slices.Equal(now, ep.addresses()) {
			return fmt.Errorf("container %s: its addresses on %s are now %v, wanted are %v, which it had", at.container, name, now, ep.addresses())
		}
	}
	if err := in.await(ctx, at.name+": its routes stand", nodeWithin, func(ctx context.Context) error { return in.routed(ctx, at) }); err != nil {
		return err
	}
	return in.reviveRiders(ctx, at)
}

// reviveRiders starts the gateways' members that ended with their node.
func (in *Injector) reviveRiders(ctx context.Context, at place) error {
	for _, name := range at.riders {
		if rider, ok := find(in.plan, name); ok {
			if err := in.reviveMember(ctx, rider); err != nil {
				return err
			}
		}
	}
	return nil
}

// pin makes a stopped container ask for the old addresses.
func (in *Injector) pin(ctx context.Context, name, on string, ep endpoint) error {
	have, err := in.inspect(ctx, name)
	if err != nil {
		return err
	}
	if s := have.NetworkSettings; s != nil && s.Networks[on] != nil {
		if c := s.Networks[on].IPAMConfig; c != nil && c.IPv4Address == ep.Address && c.IPv6Address == ep.Address6 {
			return nil
		}
		if _, err := in.engine.Client.NetworkDisconnect(ctx, on, client.NetworkDisconnectOptions{Container: name, Force: true}); err != nil {
			return fmt.Errorf("container %s: leaving network %s: %w", name, on, err)
		}
	}
	settings := &network.EndpointSettings{
		IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: ep.Address, IPv6Address: ep.Address6},
		// The engine adds the short ID by itself.
		Aliases: slices.DeleteFunc(slices.Clone(ep.Aliases), func(a string) bool { return len(have.ID) >= 12 && a == have.ID[:12] }),
	}
	if mac, err := net.ParseMAC(ep.MAC); err == nil {
		settings.MacAddress = network.HardwareAddr(mac)
	}
	if _, err := in.engine.Client.NetworkConnect(ctx, on, client.NetworkConnectOptions{Container: name, EndpointConfig: settings}); err != nil {
		return fmt.Errorf("container %s: joining network %s with its addresses %v: %w", name, on, ep.addresses(), err)
	}
	return nil
}

// routed returns an error while a cluster node lacks a route of the plan.
func (in *Injector) routed(ctx context.Context, at place) error {
	if in.plan.Cluster == nil {
		return nil
	}
	return in.inside(ctx, at, func(ns *netns) error {
		routes, err := ns.RouteList(nil, syscall.AF_UNSPEC)
		if err != nil {
			return fmt.Errorf("routes of %s: %w", at.name, err)
		}
		for _, want := range in.plan.Cluster.Routes {
			if !slices.ContainsFunc(routes, func(r netlink.Route) bool {
				return r.Dst != nil && r.Dst.String() == want.To.String() && r.Gw.String() == want.Via.String()
			}) {
				return errors.New("no route to " + want.To.String() + " via " + want.Via.String())
			}
		}
		return nil
	})
}
