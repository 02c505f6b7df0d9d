package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"

	"github.com/vishvananda/netlink"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
)

// source is a place where packets are seen: a bridge, or one node's link to the bridge.
type source struct {
	name    string // of files and of pcapng interfaces: fabric, r1-fabric
	text    string // for people: bridge fabric, r1 on fabric
	network plan.Network
	vlan    int // only frames with this VLAN identifier; 0: all frames
	// The node of a link: the host's end of the pair is found once the link exists, and again after each restart.
	node, container string
	kind            node.Kind
}

func bridgeSource(n plan.Network) source {
	return source{name: n.Name, text: "bridge " + n.Name + " (" + n.Subnet.String() + ")", network: n}
}

func linkSource(name, container string, kind node.Kind, n plan.Network) source {
	return source{name: name + "-" + n.Name, text: name + " on " + n.Name, network: n, node: name, container: container, kind: kind}
}

// vlans returns the sources that see the frames of single VLANs, each on the bridge of the network below.
func vlans(p *plan.Plan) []source {
	var all []source
	for _, n := range p.Networks {
		for _, b := range p.Bridges() {
			if n.VLAN != nil && n.VLAN.Network == b.Name {
				all = append(all, source{name: n.Name, text: n.Name + ", " + n.Words(), network: b, vlan: n.VLAN.ID})
			}
		}
	}
	return all
}

// bridges returns the sources that see all networks.
func bridges(p *plan.Plan) []source {
	var all []source
	for _, n := range p.Bridges() {
		all = append(all, bridgeSource(n))
	}
	return all
}

// everything returns every bridge and every router's links. Packets that a router sends and a cut link drops
// are visible only on the link.
func everything(p *plan.Plan) []source {
	all := bridges(p)
	for _, r := range p.Routers {
		all = append(all, linksOf(p, r.Name)...)
	}
	return all
}

// linksOf returns a node's links, by the scenario's name or the container's name; none if there is no such
// node.
func linksOf(p *plan.Plan, name string) []source {
	x, ok := p.Places().Of(node.KindCluster, node.KindRouter, node.KindClient, node.KindContainer).Find(name)
	if !ok {
		return nil
	}
	var all []source
	for _, network := range x.NetworkNames() {
		for _, n := range p.Bridges() {
			if n.Name == network {
				all = append(all, linkSource(x.Name, x.Home, x.Kind, n))
			}
		}
	}
	return all
}

// bridgeIndex returns the interface number of a lab's bridge on this host.
func bridgeIndex(n plan.Network) (int, error) {
	link, err := netlink.LinkByName(n.Bridge)
	if err != nil {
		return 0, fmt.Errorf("network %s: its bridge %s is not on this host: %w; the engine must run on the machine that captures, and the lab must be up (`skidpad status`)", n.Name, n.Bridge, err)
	}
	return link.Attrs().Index, nil
}

// errNoLink reports that a node has no link to its network at this moment.
var errNoLink = errors.New("it has no link now")

// linkIndex returns the interface number of the host's end of a node's link. The node itself reports the
// interface at the other end of each of its own interfaces.
func linkIndex(ctx context.Context, e *docker.Engine, s source) (int, error) {
	bridge, err := bridgeIndex(s.network)
	if err != nil {
		return 0, err
	}
	out, err := e.Node(s.node, s.kind, s.container).Exec(ctx, "sh", "-c", "grep -H . /sys/class/net/*/iflink")
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %w", s.text, errNoLink, err)
	}
	for _, index := range peers(out) {
		link, err := netlink.LinkByIndex(index)
		if err == nil && link.Attrs().MasterIndex == bridge {
			return index, nil
		}
	}
	return 0, fmt.Errorf("%s: %w: none of its interfaces is on bridge %s", s.text, errNoLink, s.network.Bridge)
}

// peers reads lines of /sys/class/net/NAME/iflink:INDEX; an interface that is its own peer is not paired.
func peers(out []byte) []int {
	var all []int
	for line := range bytes.Lines(out) {
		file, value, ok := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		index, err := strconv.Atoi(string(value))
		if ok && err == nil && path.Base(string(file)) == "iflink" {
			all = append(all, index)
		}
	}
	return all
}
