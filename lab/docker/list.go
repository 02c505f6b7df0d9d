package docker

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// optionBridge names the host's interface of a bridge network.
const optionBridge = "com.docker.network.bridge.name"

// Info is a lab's container, as the engine lists containers.
type Info struct {
	ID     string
	Name   string // the engine's: skidpad-<lab>-r1
	Lab    string
	Role   string // as node.Kind
	Node   string // the scenario's name; for a cluster node, the container's name
	Image  string
	State  string // created, running, paused, restarting, removing, exited or dead
	Status string // for people: Up 3 minutes
	Labels map[string]string
	// Addresses maps the engine's network names to addresses. A stopped container has its requested addresses.
	Addresses map[string]netip.Addr
	Created   time.Time
}

// NetInfo is a lab's network, as the engine lists networks.
type NetInfo struct {
	ID      string
	Name    string // the engine's: skidpad-<lab>-fabric
	Lab     string
	Network string // the scenario's name
	Bridge  string // the host's interface
	Subnet  netip.Prefix
	Nodes   netip.Prefix // the range that the engine assigns from
	Host    netip.Addr   // the bridge's address
	Subnet6 netip.Prefix // invalid without IPv6
	Labels  map[string]string
	Created time.Time
}

// Containers lists a lab's containers in any state, sorted by name: the containers with the lab's label, and
// the nodes of the lab's kind cluster, which carry only kind's label.
func (e *Engine) Containers(ctx context.Context, lab string) ([]Info, error) {
	byID := map[string]Info{}
	for _, filter := range []client.Filters{labelled(LabelLab, lab), labelled(LabelKindCluster, kindPrefix+lab)} {
		list, err := e.Client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
		if err != nil {
			return nil, fmt.Errorf("lab %s: listing its containers: %w", lab, err)
		}
		for _, c := range list.Items {
			byID[c.ID] = infoOf(c)
		}
	}
	infos := make([]Info, 0, len(byID))
	for _, i := range byID {
		infos = append(infos, i)
	}
	slices.SortFunc(infos, func(a, b Info) int { return cmp.Compare(a.Name, b.Name) })
	return infos, nil
}

// Named lists the containers with the given names, in any state and of any lab.
func (e *Engine) Named(ctx context.Context, names ...string) ([]Info, error) {
	if len(names) == 0 {
		return nil, nil
	}
	filter := make(client.Filters)
	for _, n := range names {
		filter.Add("name", "^/"+regexp.QuoteMeta(n)+"$")
	}
	list, err := e.Client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	infos := make([]Info, 0, len(list.Items))
	for _, c := range list.Items {
		infos = append(infos, infoOf(c))
	}
	return infos, nil
}

func infoOf(c container.Summary) Info {
	i := Info{
		ID: c.ID, Name: nameOf(c), Lab: labOf(c.Labels), Role: roleOf(c.Labels), Node: c.Labels[LabelNode],
		Image: c.Image, State: string(c.State), Status: c.Status, Labels: c.Labels,
		Addresses: map[string]netip.Addr{}, Created: time.Unix(c.Created, 0),
	}
	if i.Node == "" {
		i.Node = i.Name
	}
	if c.NetworkSettings == nil {
		return i
	}
	for name, ep := range c.NetworkSettings.Networks {
		if a := endpointAddress(ep); a.IsValid() {
			i.Addresses[name] = a
		}
	}
	return i
}

// nameOf returns the container's own name. The engine lists links to the container as /other/alias.
func nameOf(c container.Summary) string {
	for _, n := range c.Names {
		if n = strings.TrimPrefix(n, "/"); !strings.Contains(n, "/") {
			return n
		}
	}
	return c.ID[:min(12, len(c.ID))]
}

// endpointAddress returns an endpoint's address or, if the container does not run, the requested address.
func endpointAddress(ep *network.EndpointSettings) netip.Addr {
	switch {
	case ep == nil:
		return netip.Addr{}
	case ep.IPAddress.IsValid():
		return ep.IPAddress
	case ep.IPAMConfig != nil:
		return ep.IPAMConfig.IPv4Address
	}
	return netip.Addr{}
}

// Networks lists a lab's networks by name, with their labels.
func (e *Engine) Networks(ctx context.Context, lab string) ([]NetInfo, error) {
	list, err := e.Client.NetworkList(ctx, client.NetworkListOptions{Filters: labelled(LabelLab, lab)})
	if err != nil {
		return nil, fmt.Errorf("lab %s: listing its networks: %w", lab, err)
	}
	infos := make([]NetInfo, 0, len(list.Items))
	for _, n := range list.Items {
		infos = append(infos, netInfoOf(n))
	}
	slices.SortFunc(infos, func(a, b NetInfo) int { return cmp.Compare(a.Name, b.Name) })
	return infos, nil
}

func netInfoOf(n network.Summary) NetInfo {
	i := NetInfo{
		ID: n.ID, Name: n.Name, Lab: n.Labels[LabelLab], Network: n.Labels[LabelNode],
		Bridge: n.Options[optionBridge], Labels: n.Labels, Created: n.Created,
	}
	for _, c := range n.IPAM.Config {
		switch {
		case c.Subnet.Addr().Is4() && !i.Subnet.IsValid():
			i.Subnet, i.Nodes, i.Host = c.Subnet, c.IPRange, c.Gateway
		case c.Subnet.Addr().Is6() && !i.Subnet6.IsValid():
			i.Subnet6 = c.Subnet
		}
	}
	return i
}

// Labs lists, in order, the names of all labs with any object in the engine.
func (e *Engine) Labs(ctx context.Context) ([]string, error) {
	found := map[string]bool{}
	for _, label := range []string{LabelLab, LabelKindCluster} {
		list, err := e.Client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: labelled(label, "")})
		if err != nil {
			return nil, fmt.Errorf("labs: listing containers: %w", err)
		}
		for _, c := range list.Items {
			found[labOf(c.Labels)] = true
		}
	}
	nets, err := e.Client.NetworkList(ctx, client.NetworkListOptions{Filters: labelled(LabelLab, "")})
	if err != nil {
		return nil, fmt.Errorf("labs: listing networks: %w", err)
	}
	for _, n := range nets.Items {
		found[labOf(n.Labels)] = true
	}
	volumes, err := e.Client.VolumeList(ctx, client.VolumeListOptions{Filters: labelled(LabelLab, "")})
	if err != nil {
		return nil, fmt.Errorf("labs: listing volumes: %w", err)
	}
	for _, v := range volumes.Items {
		found[labOf(v.Labels)] = true
	}
	delete(found, "")
	labs := make([]string, 0, len(found))
	for lab := range found {
		labs = append(labs, lab)
	}
	slices.Sort(labs)
	return labs, nil
}
