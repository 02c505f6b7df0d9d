package scenario

import (
	"fmt"
	"slices"
)

// VLAN puts a network into tagged frames of another network (IEEE 802.1Q).
type VLAN struct {
	// ID is the VLAN identifier (VID): 1 to 4094. A network carries each identifier once.
	ID int `json:"id" jsonschema:"minimum=1,maximum=4094"`
	// Network is the network that carries the tagged frames: a network with a bridge, or a point-to-point network.
	Network string `json:"network"`
}

// Lower lists the networks that carry the frames of the segment; none for a bridge and for a link.
func (s Segment) Lower() []string {
	if s.VLAN != nil {
		return []string{s.VLAN.Network}
	}
	return nil
}

// Bridged reports whether the segment is a bridge of the engine.
func (s Segment) Bridged() bool { return !s.PointToPoint && len(s.Lower()) == 0 }

// Network returns the network with a name, or nil.
func (s *Spec) Network(name string) *Network {
	i := slices.IndexFunc(s.Networks, func(n Network) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Networks[i]
}

// vlan checks a VLAN, the network below, and the members.
func (v *Validation) vlan(at string, n Network) {
	if !v.Network(at+".vlan.network", n.VLAN.Network) {
		return
	}
	below := v.spec.Network(n.VLAN.Network)
	switch {
	case below.Name == n.Name:
		v.Add(at+".vlan.network", "seen %q, the network itself, want another network", n.Name)
		return
	case below.VLAN != nil:
		v.Add(at+".vlan.network", "seen %q, which is a VLAN, want the network below: %s", below.Name, below.VLAN.Network)
		return
	}
	for _, other := range v.spec.Networks {
		if other.Name == n.Name {
			break
		}
		if o := other.VLAN; o != nil && *o == *n.VLAN {
			v.Add(at+".vlan.id", "seen %d, the identifier of network %s on the same network, want another identifier", o.ID, other.Name)
		}
	}
	if n.PointToPoint {
		v.Add(at+".pointToPoint", "seen it for a VLAN, want it for the network below: %s", below.Name)
	}
	if most := below.MTU; n.MTU > most && (most != 0 || n.MTU > defaultMTU) {
		v.Add(at+".mtu", "seen %d, want at most the MTU of network %s", n.MTU, below.Name)
	}
	v.onBridges(at, n)
	v.membersOn(n, below.Name)
}

// defaultMTU is the MTU of a network without a setting.
const defaultMTU = 1500

// onBridges refuses the settings of bridges, and the members that only a network of the engine takes.
func (v *Validation) onBridges(at string, n Network) {
	what := "a point-to-point network"
	if n.VLAN != nil {
		what = "a VLAN"
	}
	for _, o := range []struct {
		field string
		set   bool
	}{{"masquerade", n.Masquerade}, {"snooping", n.Snooping != nil}, {"querier", n.Querier}, {"multicastFlood", n.MulticastFlood != nil}} {
		if o.set {
			v.Add(at+"."+o.field, "seen a setting of bridges on %s, want a network with a bridge", what)
		}
	}
	if c := v.spec.Cluster; c != nil && slices.Contains(c.nodeNetworks(), n.Name) {
		v.Add("spec.cluster.network", "seen %s %s, want a network with a bridge", what[2:], n.Name)
	}
}

// membersOn checks that each member of a network is on a network below, too.
func (v *Validation) membersOn(n Network, below string) {
	check := func(path, name string, networks []string) {
		if slices.Contains(networks, n.Name) && !slices.Contains(networks, below) {
			v.Add(path, "seen %s on %s without %s, want both networks: %[3]s carries the frames of %[2]s", name, n.Name, below)
		}
	}
	for i, r := range v.spec.Routers {
		check(fmt.Sprintf("spec.routers[%d].networks", i), r.Name, r.Networks)
	}
	for i, c := range v.spec.Clients {
		check(fmt.Sprintf("spec.clients[%d].networks", i), c.Name, c.Attached())
	}
	for i, c := range v.spec.Containers {
		check(fmt.Sprintf("spec.containers[%d].networks", i), c.Name, c.Networks)
	}
	for _, name := range v.spec.NodeNames() {
		check("spec.cluster.nodes", name, append([]string{v.spec.Cluster.Home(name)}, v.spec.Cluster.Settings(name).Networks...))
	}
}

// Words describes a segment without a bridge.
func (s Segment) Words() string {
	if s.VLAN != nil {
		return fmt.Sprintf("VLAN %d on %s", s.VLAN.ID, s.VLAN.Network)
	}
	if b := s.Bond; b != nil {
		return fmt.Sprintf("point-to-point, bond of %d links, %s", b.Links, b.Mode)
	}
	return "point-to-point"
}
