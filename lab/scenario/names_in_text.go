package scenario

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// inText matches a name in a text of a bug. Two labs of a bug run side by side on different subnets, and only the lab knows the
// addresses. Thus a text has names in place of addresses:
//
//	@{r1.fabric}       the address of a router, client or gateway on a network
//	@{worker.ip}       the address of a cluster node; @{worker.name} is the node's name in Kubernetes, and
//	                   @{worker.mgmt} the address on a further network
//	@{fabric.subnet}   the prefix of a network; @{fabric.host} is the address of the network's bridge
//	@{fabric.100}      the 100th address of the network, for a VIP (the plan uses 1, 11-60, 64-127 and 201-254)
//	@{loadBalancer/W}  the first address of workload W of the kind pod, clusterIP, externalIP or loadBalancer
//	@{service/N}       the first load-balancer address of Service N in namespace default
var inText = regexp.MustCompile(`@\{[^}]*\}`)

// NamesIn returns the names in @{…} of a text, each name once.
func NamesIn(text string) []string {
	var all []string
	for _, m := range inText.FindAllString(text, -1) {
		if name := m[2 : len(m)-1]; !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// FillIn replaces the names in a text with values.
func FillIn(text string, values map[string]string) string {
	return inText.ReplaceAllStringFunc(text, func(m string) string { return values[m[2:len(m)-1]] })
}

// textNames describes the names for errors.
const textNames = "one of: @{ROUTER.NETWORK} (so for clients and gateways), @{NODE.ip}, @{NODE.name}, @{NETWORK.subnet}, " +
	"@{NETWORK.host}, @{NETWORK.100}, @{KIND/WORKLOAD}, @{service/NAME}, with names of the scenario"

// Text checks that the scenario knows all names in a text.
func (v *Validation) Text(path, text string) {
	for _, name := range NamesIn(text) {
		if !v.stands(name) {
			v.Add(path, "seen @{%s}, want %s", name, textNames)
		}
	}
}

func (v *Validation) stands(name string) bool {
	if kind, of, ok := strings.Cut(name, "/"); ok {
		if kind == "service" {
			return of != ""
		}
		kinds := []Target{TargetPod, TargetClusterIP, TargetExternalIP, TargetLoadBalancer}
		return slices.Contains(kinds, Target(kind)) && v.spec.Echo(of) != nil
	}
	of, what, ok := strings.Cut(name, ".")
	if !ok {
		return false
	}
	if slices.Contains(v.spec.NodeNames(), of) {
		return what == "ip" || what == "name" || slices.Contains(v.spec.Cluster.Settings(of).Networks, what)
	}
	if r := v.spec.Router(of); r != nil {
		return slices.Contains(r.Networks, what)
	}
	if g := v.spec.Gateway(of); g != nil {
		return slices.Contains(g.Networks, what)
	}
	if slices.ContainsFunc(v.spec.Hosts(), func(c Client) bool { return c.Name == of && slices.Contains(c.Attached(), what) }) {
		return true
	}
	n, err := strconv.Atoi(what)
	return v.spec.HasNetwork(of) && (what == "subnet" || what == "host" || err == nil && n > 0 && n < 255)
}
