package live

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
)

// ClusterNode is a node of the cluster, with the prefixes from which the node's pods get addresses.
type ClusterNode struct {
	probe.NodeAddress
	PodCIDRs []netip.Prefix
}

// Router is a router that reports sessions, RIB and FIB.
type Router interface {
	Name() string
	Sessions(ctx context.Context) ([]bgp.Session, error)
	Routes(ctx context.Context) ([]bgp.Route, error)
	FIB(ctx context.Context) ([]bgp.Route, error)
}

// Routers returns the lab's routers.
func (l *Lab) Routers() []Router {
	var all []Router
	for _, r := range l.Plan.Routers {
		if handle, err := l.Router(r.Name); err == nil {
			all = append(all, handle)
		}
	}
	return all
}

// ClusterNodes returns the cluster's nodes as the API has the nodes now, with the scenario's names.
func (l *Lab) ClusterNodes(ctx context.Context) ([]ClusterNode, error) {
	kube, err := l.Kube(ctx)
	if err != nil {
		return nil, err
	}
	list, err := kube.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("lab %s: nodes: %w", l.Plan.Lab, err)
	}
	var all []ClusterNode
	for _, n := range list.Items {
		c := ClusterNode{NodeAddress: probe.NodeAddress{Name: l.shortName(n.Name)}}
		for _, a := range n.Status.Addresses {
			if ip, err := netip.ParseAddr(a.Address); err == nil && a.Type == "InternalIP" {
				c.Addresses = append(c.Addresses, ip)
			}
		}
		for _, cidr := range n.Spec.PodCIDRs {
			if p, err := netip.ParsePrefix(cidr); err == nil {
				c.PodCIDRs = append(c.PodCIDRs, p)
			}
		}
		all = append(all, c)
	}
	return all, nil
}

// shortName returns the scenario's name of the node with a Kubernetes name.
func (l *Lab) shortName(name string) string {
	return l.Plan.Cluster.Short(name)
}

// Endpoints returns a workload's current addresses. An empty name means the first workload.
func (l *Lab) Endpoints(ctx context.Context, workload string) (probe.Endpoints, error) {
	i := slices.IndexFunc(l.Plan.Workloads, func(w plan.Workload) bool { return workload == "" || w.Name == workload })
	if i < 0 {
		for _, c := range l.Plan.Clients {
			if c.Echo && c.Name == workload {
				return probe.Endpoints{
					Workload: c.Name, Client: []netip.Addr{c.Network.Address, c.Network.Address6},
					PodPort: probe.Ports{TCP: plan.EchoPort, UDP: plan.EchoPort},
				}, nil
			}
		}
		return probe.Endpoints{}, fmt.Errorf("lab %s has no workload %q", l.Plan.Lab, workload)
	}
	kube, err := l.Kube(ctx)
	if err != nil {
		return probe.Endpoints{}, err
	}
	st, err := addon.ReadStatus(ctx, kube, l.Plan.Workloads[i])
	if err != nil {
		return probe.Endpoints{}, err
	}
	return l.endpoints(st), nil
}

func (l *Lab) endpoints(st *addon.Status) probe.Endpoints {
	e := probe.Endpoints{Workload: st.Name, ClusterIPs: st.ClusterIPs, ExternalIPs: st.ExternalIPs, LoadBalancerIPs: st.LoadBalancerIPs}
	for _, p := range st.Pods {
		if p.Address.IsValid() {
			e.Pods = append(e.Pods, probe.Pod{Name: p.Name, Node: l.shortName(p.Node), IPs: p.Addresses})
		}
	}
	for _, n := range st.Nodes {
		e.Nodes = append(e.Nodes, probe.NodeAddress{Name: l.shortName(n.Name), Addresses: n.Addresses})
	}
	for _, g := range l.Plan.Gateways {
		if g.Members[0].Home == "" {
			continue // on routers
		}
		at := probe.NodeAddress{Name: g.Name}
		for _, a := range g.Addresses {
			for _, address := range []netip.Addr{a.Address, a.Address6} {
				if address.IsValid() {
					at.Addresses = append(at.Addresses, address)
				}
			}
		}
		e.Floating = append(e.Floating, at)
	}
	for _, p := range st.Ports {
		if p.Protocol == "TCP" {
			e.PodPort.TCP, e.ServicePort.TCP, e.NodePort.TCP = uint16(p.Pod), uint16(p.Port), uint16(p.NodePort)
		} else {
			e.PodPort.UDP, e.ServicePort.UDP, e.NodePort.UDP = uint16(p.Pod), uint16(p.Port), uint16(p.NodePort)
		}
	}
	return e
}

// Resolve finds the current addresses of a target.
func (l *Lab) Resolve(ctx context.Context, ref probe.Ref, proto record.Proto) ([]netip.AddrPort, error) {
	if ref.Address.IsValid() {
		return []netip.AddrPort{ref.Address}, nil
	}
	e, err := l.Endpoints(ctx, ref.Workload)
	if err != nil {
		return nil, err
	}
	return e.Resolve(ref, proto)
}
