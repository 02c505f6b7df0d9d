package live

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/hubble"
	"skidpad.dev/skidpad/lab/plan"
)

// HubbleFlows returns the flows of Hubble's relay: packets from an address since a time.
func (l *Lab) HubbleFlows(ctx context.Context, from netip.Addr, since time.Time) ([]hubble.Flow, error) {
	reporter := addon.With[addon.FlowReporter](&l.Plan.Scenario.Spec)
	if reporter == nil {
		return nil, fmt.Errorf("lab %s has no addon that reports flows", l.Plan.Lab)
	}
	kube, err := l.Kube(ctx)
	if err != nil {
		return nil, err
	}
	namespace, name := reporter.Relay()
	relay, err := kube.Client.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("lab %s: Hubble's relay: %w", l.Plan.Lab, err)
	}
	at, err := netip.ParseAddr(relay.Spec.ClusterIP)
	if err != nil {
		return nil, fmt.Errorf("lab %s: Hubble's relay: %w", l.Plan.Lab, err)
	}
	server := netip.AddrPortFrom(at, uint16(relay.Spec.Ports[0].Port))
	n, err := l.Node(l.Plan.Cluster.Nodes[0].Short)
	if err != nil {
		return nil, err
	}
	out, err := n.Exec(ctx, reporter.Observe(server, from, since)...)
	if err != nil {
		return nil, fmt.Errorf("lab %s: asking Hubble's relay at %s: %w", l.Plan.Lab, server, err)
	}
	return hubble.Parse(out)
}

// denyName is the name of the policy that denies all traffic to a workload.
const denyName = "skidpad-deny"

// Deny denies all packets to a workload's pods by a NetworkPolicy, until the caller calls undo. Cilium still passes the
// packets of the node itself, for example the kubelet's probes.
func (l *Lab) Deny(ctx context.Context, workload string) (undo func(context.Context) error, err error) {
	i := slices.IndexFunc(l.Plan.Workloads, func(w plan.Workload) bool { return w.Name == workload })
	if i < 0 {
		return nil, fmt.Errorf("lab %s has no workload %q", l.Plan.Lab, workload)
	}
	kube, err := l.Kube(ctx)
	if err != nil {
		return nil, err
	}
	policies := kube.Client.NetworkingV1().NetworkPolicies(l.Plan.Workloads[i].Namespace)
	_, err = policies.Create(ctx, &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: denyName},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: addon.Selector(l.Plan.Workloads[i])},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, fmt.Errorf("lab %s: denying what enters %s: %w", l.Plan.Lab, workload, err)
	}
	return func(ctx context.Context) error {
		err := policies.Delete(ctx, denyName, metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			err = nil
		}
		if err != nil {
			err = fmt.Errorf("the NetworkPolicy %s is left: %w", denyName, err)
		}
		return errors.Join(err)
	}, nil
}
