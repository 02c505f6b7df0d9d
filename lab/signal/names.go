package signal

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/scenario"
)

// Fill replaces the names in a text by the lab's values.
func (r *Run) Fill(ctx context.Context, text string) (string, error) {
	values := map[string]string{}
	var errs []error
	for _, name := range scenario.NamesIn(text) {
		v, err := r.named(ctx, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("@{%s}: %w", name, err))
		}
		values[name] = v
	}
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	return scenario.FillIn(text, values), nil
}

// named is the value of one name: from the plan, or from the cluster at this moment.
func (r *Run) named(ctx context.Context, name string) (string, error) {
	if v, ok := r.Lab.Plan.Named(name); ok {
		return v, nil
	}
	if kind, of, ok := strings.Cut(name, "/"); ok {
		if kind == "service" {
			return r.serviceIP(ctx, of)
		}
		e, err := r.Lab.Endpoints(ctx, of)
		if err != nil {
			return "", err
		}
		all := e.Addresses(scenario.Target(kind), record.TCP)
		if len(all) == 0 {
			return "", fmt.Errorf("workload %s has no such address now", of)
		}
		return all[0].At.Addr().String(), nil
	}
	node, what, _ := strings.Cut(name, ".")
	nodes, err := r.Lab.ClusterNodes(ctx)
	if err != nil {
		return "", err
	}
	for _, n := range nodes {
		if n.Name == node && what == "ip" && len(n.Addresses) > 0 {
			return n.Addresses[0].String(), nil
		}
	}
	return "", errors.New("the lab has none of that name")
}

// serviceIP is the first load-balancer address of a Service in namespace default.
func (r *Run) serviceIP(ctx context.Context, name string) (string, error) {
	kube, err := r.Lab.Kube(ctx)
	if err != nil {
		return "", err
	}
	s, err := kube.Client.CoreV1().Services(metav1.NamespaceDefault).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if len(s.Status.LoadBalancer.Ingress) == 0 || s.Status.LoadBalancer.Ingress[0].IP == "" {
		return "", fmt.Errorf("service %s has no load-balancer address yet", name)
	}
	return s.Status.LoadBalancer.Ingress[0].IP, nil
}

// owners are the names of nodes, routers, clients and gateways, by address.
func (r *Run) owners(ctx context.Context) map[netip.Addr]string {
	all := map[netip.Addr]string{}
	for name, places := range r.Lab.Plan.Attachments() {
		for _, place := range places {
			for _, a := range place.Addresses() {
				all[a] = name
			}
		}
	}
	if r.Lab.Plan.Cluster == nil {
		return all
	}
	if nodes, err := r.Lab.ClusterNodes(ctx); err == nil {
		for _, n := range nodes {
			for _, a := range n.Addresses {
				all[a] = n.Name
			}
		}
	}
	return all
}

// macs are the names of the owners, by MAC. A node without an answer is left out: a fault may have broken the node.
func (r *Run) macs(ctx context.Context) map[string]string {
	all := map[string]string{}
	for _, name := range r.Lab.Names() {
		n, err := r.Lab.Node(name)
		if err != nil || n.Kind() == node.KindGateway {
			continue
		}
		out, err := n.Exec(ctx, "sh", "-c", "cat /sys/class/net/*/address")
		if err != nil {
			continue
		}
		for _, mac := range strings.Fields(string(out)) {
			if !slices.Contains(strings.Split(all[mac], ","), name) {
				all[mac] = strings.Trim(all[mac]+","+name, ",")
			}
		}
	}
	return all
}
