package live

import (
	"context"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/scenario"
)

// Fill replaces the names in a text by the lab's values.
func (l *Lab) Fill(ctx context.Context, text string) (string, error) {
	values := map[string]string{}
	var errs []error
	for _, name := range scenario.NamesIn(text) {
		v, err := l.named(ctx, name)
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
func (l *Lab) named(ctx context.Context, name string) (string, error) {
	if v, ok := l.Plan.Named(name); ok {
		return v, nil
	}
	if kind, of, ok := strings.Cut(name, "/"); ok {
		if kind == "service" {
			return l.serviceIP(ctx, of)
		}
		e, err := l.Endpoints(ctx, of)
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
	nodes, err := l.ClusterNodes(ctx)
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
func (l *Lab) serviceIP(ctx context.Context, name string) (string, error) {
	kube, err := l.Kube(ctx)
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
