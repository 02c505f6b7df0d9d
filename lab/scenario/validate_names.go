package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxName bounds a name. Host names contain the names of a lab, a router and a gateway, and must stay under 63 characters (RFC
// 1035, 2.3.4).
const maxName = 30

// The limits of a scenario. The plan's scheme has this many addresses on a network for each kind of node.
const (
	MaxNetworkRouters = 50 // on one network; a scenario may have more in all
	maxClients        = 40
	maxGateways       = 14
)

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// clusterNode matches every name that a provider may give to a cluster's node.
var clusterNode = regexp.MustCompile(`^(control-plane|worker)[0-9]*$`)

// Label checks that a name is a DNS label (RFC 1123, 2.1) of at most 30 characters.
func (v *Validation) Label(path, name string) {
	if name != "" && (len(name) > maxName || !dnsLabel.MatchString(name)) {
		v.Add(path, "seen %q, want lower-case letters, digits and inner hyphens, at most %d of them", shorten(name), maxName)
	}
}

// names checks every name, and that no name is used twice. Routers, clients, the containers of gateways and cluster nodes
// share one name space, because commands name all of them in the same way.
func (v *Validation) names() {
	s := v.spec
	v.NotEmpty("spec.networks", len(s.Networks))
	v.atMost("spec.clients", len(s.Clients), maxClients)
	v.atMost("spec.containers", len(s.Containers), maxClients-len(s.Clients))
	v.atMost("spec.gateways", len(s.Gateways), maxGateways)
	networks, nodes, gateways, workloads := unique{v: v}, unique{v: v}, unique{v: v}, unique{v: v}
	for i, n := range s.Networks {
		networks.add(fmt.Sprintf("spec.networks[%d].name", i), n.Name)
		v.fewRouters(i, n.Name)
		// The name of a network is also the name of an interface in the containers (IFNAMSIZ).
		if len(n.Name) > 15 {
			v.Add(fmt.Sprintf("spec.networks[%d].name", i), "seen %q, want at most 15 characters: interfaces are named for networks", shorten(n.Name))
		}
	}
	for i, r := range s.Routers {
		nodes.addNode(fmt.Sprintf("spec.routers[%d].name", i), r.Name)
	}
	for i, c := range s.Clients {
		nodes.addNode(fmt.Sprintf("spec.clients[%d].name", i), c.Name)
	}
	for i, c := range s.Containers {
		nodes.addNode(fmt.Sprintf("spec.containers[%d].name", i), c.Name)
	}
	for i, g := range s.Gateways {
		path := fmt.Sprintf("spec.gateways[%d].name", i)
		gateways.add(path, g.Name)
		for _, member := range g.Members {
			guard := member + "-" + g.Name
			if at, ok := nodes.first[guard]; ok {
				v.Add(at, "seen %q, the name of gateway %s's guard on router %s, want another name", guard, g.Name, member)
			}
		}
	}
	for i, w := range s.Workloads {
		if w.Echo != nil {
			workloads.add(fmt.Sprintf("spec.workloads[%d].echo.name", i), w.Echo.Name)
		}
	}
}

// fewRouters checks that a network has a number for each of its routers.
func (v *Validation) fewRouters(i int, network string) {
	on := 0
	for _, r := range v.spec.Routers {
		if slices.Contains(r.Networks, network) {
			on++
		}
	}
	if on > MaxNetworkRouters {
		v.Add(fmt.Sprintf("spec.networks[%d]", i), "seen %d routers on network %s, want at most %d: divide the network", on, shorten(network), MaxNetworkRouters)
	}
}

func (v *Validation) atMost(path string, seen, most int) {
	if seen > most {
		v.Add(path, "seen %d entries, want at most %d", seen, most)
	}
}

// unique checks the names of one name space.
type unique struct {
	v     *Validation
	first map[string]string // from a name to the first path with the name
}

func (u *unique) add(path, name string) {
	if name == "" {
		return
	}
	u.v.Label(path, name)
	if at, ok := u.first[name]; ok {
		u.v.Add(path, "seen %q, which %s has already, want another name", name, strings.TrimSuffix(at, ".name"))
		return
	}
	if u.first == nil {
		u.first = map[string]string{}
	}
	u.first[name] = path
}

func (u *unique) addNode(path, name string) {
	if clusterNode.MatchString(name) {
		u.v.Add(path, "seen %q, a name that cluster nodes have, want another name", name)
		return
	}
	u.add(path, name)
}

// list joins names for an error.
func list(all []string) string { return strings.Join(all, ", ") }
