package addon

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sort"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/plan"
)

// Status is the current addresses, ports and pods of a workload in Kubernetes.
type Status struct {
	Name            string       `json:"name"`
	Pods            []Pod        `json:"pods"`
	ClusterIPs      []netip.Addr `json:"clusterIPs"`
	ExternalIPs     []netip.Addr `json:"externalIPs,omitempty"`
	LoadBalancerIPs []netip.Addr `json:"loadBalancerIPs,omitempty"`
	Ports           []Port       `json:"ports"`
	Nodes           []NodeStatus `json:"nodes"`
}

// Pod is a replica. Address is the zero Addr while the pod has no address.
type Pod struct {
	Name    string     `json:"name"`
	Node    string     `json:"node"`
	Address netip.Addr `json:"address,omitzero"`
	// Addresses are all addresses of the pod: a single address, or an address of each IP family.
	Addresses []netip.Addr `json:"addresses,omitempty"`
	Ready     bool         `json:"ready"`
}

// Port is a port of the Service. NodePort is 0 if the Service has no node port. Pod is the port of the pods.
type Port struct {
	Name     string `json:"name"`     // http or udp
	Protocol string `json:"protocol"` // TCP or UDP
	Port     int    `json:"port"`
	NodePort int    `json:"nodePort,omitempty"`
	Pod      int    `json:"pod"`
}

// NodeStatus is the status of a cluster node in Kubernetes.
type NodeStatus struct {
	Name      string       `json:"name"`
	Addresses []netip.Addr `json:"addresses"` // internal addresses
	Ready     bool         `json:"ready"`
	Reason    string       `json:"reason,omitempty"` // why the node is not ready
	Taints    []string     `json:"taints,omitempty"` // the node's taints in cluster.PassingTaints
}

// ReadStatus reads a workload's pods and Service and the cluster's nodes, all sorted by name.
func ReadStatus(ctx context.Context, k *cluster.Kube, w plan.Workload) (*Status, error) {
	fail := func(err error) (*Status, error) { return nil, fmt.Errorf("workload %s: %w", w.Name, err) }
	pods, err := k.Client.CoreV1().Pods(w.Namespace).List(ctx, metav1.ListOptions{LabelSelector: workloadLabel + "=" + w.Name})
	if err != nil {
		return fail(err)
	}
	service, err := k.Client.CoreV1().Services(w.Namespace).Get(ctx, w.Service.Name, metav1.GetOptions{})
	if err != nil {
		return fail(err)
	}
	nodes, err := ReadNodes(ctx, k)
	if err != nil {
		return fail(err)
	}
	s := &Status{Name: w.Name, Nodes: nodes, ClusterIPs: addresses(service.Spec.ClusterIPs...), ExternalIPs: addresses(service.Spec.ExternalIPs...)}
	for i := range pods.Items {
		p := &pods.Items[i]
		if p.DeletionTimestamp != nil {
			continue
		}
		address, _ := netip.ParseAddr(p.Status.PodIP)
		pod := Pod{Name: p.Name, Node: p.Spec.NodeName, Address: address, Ready: cluster.PodReady(p)}
		for _, ip := range p.Status.PodIPs {
			pod.Addresses = append(pod.Addresses, addresses(ip.IP)...)
		}
		s.Pods = append(s.Pods, pod)
	}
	sort.Slice(s.Pods, func(i, j int) bool { return s.Pods[i].Name < s.Pods[j].Name })
	for _, in := range service.Status.LoadBalancer.Ingress {
		s.LoadBalancerIPs = append(s.LoadBalancerIPs, addresses(in.IP)...)
	}
	for _, p := range service.Spec.Ports {
		pod := w.Ports.HTTP
		if p.Protocol == corev1.ProtocolUDP {
			pod = w.Ports.UDP
		}
		s.Ports = append(s.Ports, Port{Name: p.Name, Protocol: string(p.Protocol), Port: int(p.Port), NodePort: int(p.NodePort), Pod: pod})
	}
	return s, nil
}

// ReadNodes reads the cluster's nodes, sorted by name.
func ReadNodes(ctx context.Context, k *cluster.Kube) ([]NodeStatus, error) {
	list, err := k.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("cluster nodes: %w", err)
	}
	var nodes []NodeStatus
	for i := range list.Items {
		n := NodeStatus{Name: list.Items[i].Name, Reason: "its kubelet has not reported yet"}
		for _, a := range list.Items[i].Status.Addresses {
			if a.Type == corev1.NodeInternalIP {
				n.Addresses = append(n.Addresses, addresses(a.Address)...)
			}
		}
		for _, c := range list.Items[i].Status.Conditions {
			if c.Type == corev1.NodeReady {
				n.Ready, n.Reason = c.Status == corev1.ConditionTrue, c.Message
			}
		}
		if n.Ready {
			n.Reason = ""
		}
		for _, t := range list.Items[i].Spec.Taints {
			if slices.Contains(cluster.PassingTaints, t.Key) {
				n.Taints = append(n.Taints, t.Key)
			}
		}
		nodes = append(nodes, n)
	}
	sort.Slice(nodes, func(i, j int) bool { return nodes[i].Name < nodes[j].Name })
	return nodes, nil
}

// addresses parses the addresses, and skips other texts, for example a headless service's "None".
func addresses(texts ...string) []netip.Addr {
	var list []netip.Addr
	for _, t := range texts {
		if a, err := netip.ParseAddr(t); err == nil {
			list = append(list, a)
		}
	}
	return list
}
