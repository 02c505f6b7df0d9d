package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/plan"
)

const (
	// copyLabel marks a copy with the name of the workload.
	copyLabel = "dev.skidpad.copy-of"
	// copiesAtOnce is the number of requests to the API at the same time.
	copiesAtOnce = 16
)

// Copies are further Services of a workload with the same pods, each with an address of its own.
type Copies struct {
	kube      *cluster.Kube
	namespace string
	workload  string
}

// Multiply makes copies of a workload's LoadBalancer Service, without node ports, because the API has only 2768 of these.
// Multiply deletes the copies of an interrupted check first, and returns when the API has accepted all copies. After an error,
// some copies may exist.
func (l *Lab) Multiply(ctx context.Context, workload string, count int) (*Copies, error) {
	i := slices.IndexFunc(l.Plan.Workloads, func(w plan.Workload) bool { return w.Name == workload })
	if i < 0 {
		return nil, fmt.Errorf("lab %s has no workload %q", l.Plan.Lab, workload)
	}
	w := l.Plan.Workloads[i]
	kube, err := l.Kube(ctx)
	if err != nil {
		return nil, err
	}
	first, err := kube.Client.CoreV1().Services(w.Namespace).Get(ctx, w.Service.Name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("service %s/%s: %w", w.Namespace, w.Service.Name, err)
	}
	c := &Copies{kube: kube, namespace: w.Namespace, workload: workload}
	if err := c.Delete(ctx); err != nil {
		return c, err
	}
	err = each(ctx, count, func(ctx context.Context, i int) error {
		_, err := kube.Client.CoreV1().Services(w.Namespace).Create(ctx, copyOf(first, workload, i), metav1.CreateOptions{})
		return err
	})
	return c, err
}

// copyOf returns a Service with the pods and the policies of another, and without the other's addresses and ports of nodes.
func copyOf(first *corev1.Service, workload string, i int) *corev1.Service {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%05d", first.Name, i), Labels: maps.Clone(first.Labels), Annotations: first.Annotations}}
	metav1.SetMetaDataLabel(&s.ObjectMeta, copyLabel, workload)
	no := false
	s.Spec = corev1.ServiceSpec{
		Type: first.Spec.Type, Selector: first.Spec.Selector, ExternalTrafficPolicy: first.Spec.ExternalTrafficPolicy, InternalTrafficPolicy: first.Spec.InternalTrafficPolicy,
		LoadBalancerClass: first.Spec.LoadBalancerClass, IPFamilies: first.Spec.IPFamilies, IPFamilyPolicy: first.Spec.IPFamilyPolicy, AllocateLoadBalancerNodePorts: &no,
	}
	for _, p := range first.Spec.Ports {
		p.NodePort = 0
		s.Spec.Ports = append(s.Spec.Ports, p)
	}
	return s
}

// Addresses returns the IPv4 LoadBalancer address of each copy, by the Service's name; invalid without an address yet.
func (c *Copies) Addresses(ctx context.Context) (map[string]netip.Addr, error) {
	list, err := c.kube.Client.CoreV1().Services(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: copyLabel + "=" + c.workload})
	if err != nil {
		return nil, fmt.Errorf("copies of service %s: %w", c.workload, err)
	}
	all := map[string]netip.Addr{}
	for _, s := range list.Items {
		all[s.Name] = netip.Addr{}
		for _, in := range s.Status.LoadBalancer.Ingress {
			if a, err := netip.ParseAddr(in.IP); err == nil && a.Is4() {
				all[s.Name] = a
			}
		}
	}
	return all, nil
}

// Delete deletes copies, or all copies without a name.
func (c *Copies) Delete(ctx context.Context, names ...string) error {
	if len(names) == 0 {
		all, err := c.Addresses(ctx)
		if err != nil {
			return err
		}
		names = slices.Collect(maps.Keys(all))
	}
	return each(ctx, len(names), func(ctx context.Context, i int) error {
		err := c.kube.Client.CoreV1().Services(c.namespace).Delete(ctx, names[i], metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
}

// each calls do for each number below count, some calls at the same time.
func each(ctx context.Context, count int, do func(context.Context, int) error) error {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(copiesAtOnce)
	for i := range count {
		group.Go(func() error {
			if within.Err() != nil {
				return within.Err()
			}
			return do(within, i)
		})
	}
	return errors.Join(group.Wait(), ctx.Err())
}
