package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"

	"skidpad.dev/skidpad/lab/plan"
)

// optionMasquerade switches source NAT. Source NAT is off for labs that do not ask for it: with br_netfilter,
// the rule rewrites packets that merely cross a bridge, and connections with DSR answers are lost.
const optionMasquerade = "com.docker.network.bridge.enable_ip_masquerade"

// optionGateway and unprotected switch a filter of Docker 28 off (API 1.48). With br_netfilter, the filter drops a packet to
// a container's address on any other bridge of the lab, so routers lose all traffic between networks.
const (
	optionGateway = "com.docker.network.bridge.gateway_mode_ipv"
	unprotected   = "nat-unprotected"
	gatewaySince  = "1.48"
)

// OverlapError reports a network that cannot be made because its subnet is in use. A new plan, after reading
// Taken again, avoids the networks and routes in By, unless the scenario fixes the subnet.
type OverlapError struct {
	Network string       // the engine's name
	Subnet  netip.Prefix // the wanted subnet
	By      []string     // the networks and routes that use the subnet
}

// Error names the network and the overlapping networks and routes.
func (o *OverlapError) Error() string {
	return fmt.Sprintf("network %s: subnet %s overlaps with %s; give the network another prefix in the scenario, or none to have a free one found",
		o.Network, o.Subnet, strings.Join(o.By, " and "))
}

// CreateNetwork makes a bridge network with the lab's labels and extra labels. The network is masqueraded only
// if the plan asks for masquerading. CreateNetwork leaves an existing identical network of the same lab as is.
// If the subnet is in use, the error is an *OverlapError and names the user of the subnet.
func (e *Engine) CreateNetwork(ctx context.Context, lab string, n plan.Network, extra map[string]string) error {
	done, err := e.networkExists(ctx, lab, n)
	if done || err != nil {
		return err
	}
	if err := e.overlap(ctx, n); err != nil {
		return err
	}
	if !freeLink(n.Bridge) {
		return fmt.Errorf("network %s: its bridge %s exists already and no network of the engine owns it; if nothing uses it, run `ip link delete %s`", n.Docker, n.Bridge, n.Bridge)
	}
	ipam := []network.IPAMConfig{{Subnet: n.Subnet.Masked(), IPRange: n.Nodes.Masked(), Gateway: n.Host}}
	v6 := n.Subnet6.IsValid()
	if v6 {
		ipam = append(ipam, network.IPAMConfig{Subnet: n.Subnet6, IPRange: n.Nodes6, Gateway: n.Host6})
	}
	_, err = e.Client.NetworkCreate(ctx, n.Docker, client.NetworkCreateOptions{
		Driver: "bridge", EnableIPv6: &v6,
		IPAM:    &network.IPAM{Config: ipam},
		Options: options(n, e.Version),
		Labels:  labels(lab, RoleNetwork, n.Name, extra),
	})
	if err == nil {
		return nil
	}
	// Another process may have taken the subnet between the check and the creation.
	var clash *OverlapError
	if errors.As(e.overlap(ctx, n), &clash) {
		return clash
	}
	return fmt.Errorf("network %s (%s, bridge %s): the engine does not make it: %w", n.Docker, n.Subnet, n.Bridge, err)
}

// options returns the options of the engine's bridge driver, for a version of the engine's API.
func options(n plan.Network, api string) map[string]string {
	all := map[string]string{optionBridge: n.Bridge, optionMasquerade: strconv.FormatBool(n.Masquerade)}
	if versions.GreaterThanOrEqualTo(api, gatewaySince) {
		all[optionGateway+"4"], all[optionGateway+"6"] = unprotected, unprotected
	}
	if n.MTU != 0 {
		all["com.docker.network.driver.mtu"] = strconv.Itoa(n.MTU)
	}
	return all
}

// overlap returns an *OverlapError if the network's subnet is in use.
func (e *Engine) overlap(ctx context.Context, n plan.Network) error {
	uses, err := e.uses(ctx)
	if err != nil {
		return err
	}
	for _, subnet := range []netip.Prefix{n.Subnet, n.Subnet6} {
		if by := overlapping(subnet, uses); subnet.IsValid() && len(by) > 0 {
			return &OverlapError{Network: n.Docker, Subnet: subnet, By: by}
		}
	}
	return nil
}

// overlapping lists at most three users of a part of the subnet.
func overlapping(subnet netip.Prefix, uses []use) []string {
	var by []string
	seen := map[netip.Prefix]bool{}
	for _, u := range uses {
		if !u.prefix.Overlaps(subnet) || within(u.prefix, seen) {
			continue
		}
		seen[u.prefix] = true
		what := u.by
		if !strings.Contains(what, u.prefix.String()) {
			what += " (" + u.prefix.String() + ")"
		}
		if by = append(by, what); len(by) == 3 {
			break
		}
	}
	return by
}

// within reports whether a prefix lies within a prefix already named, as a network's own routes do.
func within(p netip.Prefix, seen map[netip.Prefix]bool) bool {
	for s := range seen {
		if s.Bits() <= p.Bits() && s.Overlaps(p) {
			return true
		}
	}
	return false
}

// networkExists reports whether the engine has exactly this network of this lab. A network with the same name
// that is different or belongs to another lab is an error.
func (e *Engine) networkExists(ctx context.Context, lab string, n plan.Network) (bool, error) {
	list, err := e.Client.NetworkList(ctx, client.NetworkListOptions{Filters: make(client.Filters).Add("name", n.Docker)})
	if err != nil {
		return false, fmt.Errorf("network %s: looking whether it exists: %w", n.Docker, err)
	}
	for _, have := range list.Items {
		if have.Name == n.Docker { // the filter matches parts of names too
			return true, sameNetwork(lab, n, netInfoOf(have))
		}
	}
	return false, nil
}

// sameNetwork describes the difference between an existing network and the wanted network.
func sameNetwork(lab string, want plan.Network, have NetInfo) error {
	if have.Lab != lab {
		return fmt.Errorf("network %s exists already and is not of lab %s; choose another name with --name, or remove it with `docker network rm %s`", want.Docker, lab, want.Docker)
	}
	if have.Subnet6 != want.Subnet6 {
		return fmt.Errorf("network %s exists with IPv6 subnet %s; wanted is %s; run `skidpad down --name %s` first", want.Docker, have.Subnet6, want.Subnet6, lab)
	}
	if have.Subnet != want.Subnet.Masked() || have.Bridge != want.Bridge || have.Nodes != want.Nodes.Masked() || have.Host != want.Host {
		return fmt.Errorf("network %s exists with subnet %s, range %s, host address %s, bridge %s; wanted are %s, %s, %s, %s; run `skidpad down --name %s` first",
			want.Docker, have.Subnet, have.Nodes, have.Host, have.Bridge, want.Subnet, want.Nodes, want.Host, want.Bridge, lab)
	}
	return nil
}

// addressHolder names the containers, except one, that have or requested an address on a network.
func (e *Engine) addressHolder(ctx context.Context, a Attach, except string) string {
	list, err := e.Client.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return ""
	}
	for _, c := range list.Items {
		if c.NetworkSettings == nil || nameOf(c) == except {
			continue
		}
		if endpointAddress(c.NetworkSettings.Networks[a.Network]) == a.Address {
			return "container " + nameOf(c)
		}
	}
	n, err := e.Client.NetworkInspect(ctx, a.Network, client.NetworkInspectOptions{})
	if err != nil {
		return ""
	}
	for _, c := range n.Network.IPAM.Config {
		if c.Gateway == a.Address {
			return "the network's own bridge"
		}
	}
	return ""
}
