package matrix

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Labels of the matrix' services, for the selectors of the policies below and of the scenario's advertisement.
const (
	announceLabel = "matrix.skidpad.dev/announce"
	externalLabel = "matrix.skidpad.dev/external"
	// advertiseLabel with the value `no` excludes a Service from BGP announcements (lab/plan).
	advertiseLabel = "skidpad.dev/advertise"
)

// Variant is one service of the table.
type Variant struct {
	External, Internal Policy
	Mode               Mode
	Announce           Announce
}

// Variants returns all services, in the order of their numbers.
func Variants() []Variant {
	var all []Variant
	for _, announce := range []Announce{BGP, L2} {
		for _, external := range []Policy{Cluster, Local} {
			for _, internal := range []Policy{Cluster, Local} {
				for _, mode := range []Mode{DSR, SNAT} {
					all = append(all, Variant{external, internal, mode, announce})
				}
			}
		}
	}
	return all
}

// Name is the service's name: m-cluster-local-dsr-bgp.
func (v Variant) Name() string {
	return strings.ToLower(fmt.Sprintf("m-%s-%s-%s-%s", v.External, v.Internal, v.Mode, v.Announce))
}

// The first addresses of the services; services are numbered. Addresses announced by ARP and NDP are in halves of their
// own; a client on the bridge treats these halves as neighbours.
var (
	loadBalancers = map[Family]map[Announce]netip.Addr{
		IPv4: {BGP: netip.MustParseAddr("198.51.100.10"), L2: netip.MustParseAddr("198.51.100.130")},
		IPv6: {BGP: netip.MustParseAddr("2001:db8:198:51::10"), L2: netip.MustParseAddr("2001:db8:198:51::8010")},
	}
	externals = map[Family]map[Announce]netip.Addr{
		IPv4: {BGP: netip.MustParseAddr("203.0.113.10"), L2: netip.MustParseAddr("203.0.113.130")},
		IPv6: {BGP: netip.MustParseAddr("2001:db8:203::10"), L2: netip.MustParseAddr("2001:db8:203::8010")},
	}
)

// OnLink returns the prefixes with all addresses that a client on the nodes' bridge finds by ARP or NDP.
func OnLink() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("198.51.100.128/25"), netip.MustParsePrefix("203.0.113.128/25"),
		netip.MustParsePrefix("2001:db8:198:51::8000/113"), netip.MustParsePrefix("2001:db8:203::8000/113"),
	}
}

// LoadBalancerIP is the service's address from the family's pool.
func (v Variant) LoadBalancerIP(f Family) netip.Addr { return v.numbered(loadBalancers[f][v.Announce]) }

// ExternalIP is the service's external address of a family.
func (v Variant) ExternalIP(f Family) netip.Addr { return v.numbered(externals[f][v.Announce]) }

// numbered counts on from a first address by the service's number; the last byte never overflows.
func (v Variant) numbered(first netip.Addr) netip.Addr {
	bytes := first.AsSlice()
	bytes[len(bytes)-1] += byte(slices.Index(Variants(), v))
	a, _ := netip.AddrFromSlice(bytes)
	return a
}

// Selected has the services' selectors: the workload of the pods, and the nodes that answer ARP and NDP.
type Selected struct {
	Workload  string // the workload of the services' pods
	Announcer string // Kubernetes' name of the announcing node for services of policy Cluster: not the pod's node
	PodNode   string // and for services of policy Local; Cilium's ARP answers for such services need the pod's node
}

// Manifests returns the services and the L2 policies, as YAML documents.
func Manifests(s Selected) []string {
	docs := []map[string]any{l2Policy(Cluster, s.Announcer), l2Policy(Local, s.PodNode)}
	for _, v := range Variants() {
		docs = append(docs, v.service(s.Workload))
	}
	var out []string
	for _, d := range docs {
		text, err := yaml.Marshal(d)
		if err != nil {
			panic("lab bug: " + err.Error()) // maps of scalars always marshal
		}
		out = append(out, string(text))
	}
	return out
}

func (v Variant) service(workload string) map[string]any {
	labels := map[string]any{announceLabel: string(v.Announce), externalLabel: string(v.External)}
	if v.Announce != BGP {
		labels[advertiseLabel] = "no"
	}
	return map[string]any{
		"apiVersion": "v1", "kind": "Service",
		"metadata": map[string]any{
			"name": v.Name(), "namespace": "default", "labels": labels,
			"annotations": map[string]any{
				"service.cilium.io/forwarding-mode": string(v.Mode),
				"lbipam.cilium.io/ips":              v.LoadBalancerIP(IPv4).String() + "," + v.LoadBalancerIP(IPv6).String(),
			},
		},
		"spec": map[string]any{
			"type":                  "LoadBalancer",
			"selector":              map[string]any{"app.kubernetes.io/name": workload},
			"ipFamilyPolicy":        "RequireDualStack",
			"externalIPs":           []any{v.ExternalIP(IPv4).String(), v.ExternalIP(IPv6).String()},
			"externalTrafficPolicy": string(v.External),
			"internalTrafficPolicy": string(v.Internal),
			"ports": []any{
				map[string]any{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"},
				map[string]any{"name": "udp", "port": 80, "targetPort": "udp", "protocol": "UDP"},
			},
		},
	}
}

// l2Policy makes one node answer ARP for the L2 services of one external traffic policy. The resource is v2alpha1 in
// Cilium 1.19.
func l2Policy(external Policy, node string) map[string]any {
	return map[string]any{
		"apiVersion": "cilium.io/v2alpha1", "kind": "CiliumL2AnnouncementPolicy",
		"metadata": map[string]any{"name": "matrix-" + strings.ToLower(string(external))},
		"spec": map[string]any{
			"externalIPs": true, "loadBalancerIPs": true, "interfaces": []any{"^eth[0-9]+$"},
			"serviceSelector": map[string]any{"matchLabels": map[string]any{announceLabel: string(L2), externalLabel: string(external)}},
			"nodeSelector":    map[string]any{"matchLabels": map[string]any{"kubernetes.io/hostname": node}},
		},
	}
}
