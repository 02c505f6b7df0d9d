package existing

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/scenario"
)

// right is a verb on a resource in all namespaces, or in a namespace.
type right struct{ verb, group, resource, namespace string }

// rights lists the verbs that a lab needs: reading the cluster, and making the lab's workloads.
func rights() []right {
	var all []right
	for _, verb := range []string{"get", "list", "watch"} {
		for _, r := range []right{
			{group: "", resource: "nodes"}, {group: "", resource: "pods"}, {group: "", resource: "services"}, {group: "", resource: "configmaps", namespace: metav1.NamespaceSystem},
			{group: "apps", resource: "daemonsets"}, {group: "apps", resource: "deployments"}, {group: "discovery.k8s.io", resource: "endpointslices"}, {group: "coordination.k8s.io", resource: "leases"},
		} {
			r.verb = verb
			all = append(all, r)
		}
	}
	for _, verb := range []string{"create", "patch", "delete"} {
		all = append(all, right{verb, "apps", "deployments", metav1.NamespaceDefault}, right{verb, "", "services", metav1.NamespaceDefault})
	}
	return all
}

// Rights asks the API for the verbs that the kubeconfig's user lacks, and names all of them in the error.
func Rights(ctx context.Context, k *cluster.Kube, of string) error {
	missing := map[string][]string{}
	var resources []string
	for _, r := range rights() {
		review, err := k.Client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: r.verb, Group: r.group, Resource: r.resource, Namespace: r.namespace,
			}},
		}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("%s: asking for the user's rights: %w", of, err)
		}
		if review.Status.Allowed {
			continue
		}
		name := r.resource
		if r.group != "" {
			name += "." + r.group
		}
		if r.namespace != "" {
			name += " in namespace " + r.namespace
		}
		if missing[name] == nil {
			resources = append(resources, name)
		}
		missing[name] = append(missing[name], r.verb)
	}
	if len(resources) == 0 {
		return nil
	}
	var texts []string
	for _, name := range resources {
		texts = append(texts, strings.Join(missing[name], ", ")+" of "+name)
	}
	return fmt.Errorf("%s: seen a user who may not %s, want these verbs (`kubectl auth can-i --list`)", of, strings.Join(texts, "; "))
}

// facts reads the properties of the cluster from the API.
func facts(ctx context.Context, k *cluster.Kube, nodes []corev1.Node) (scenario.Facts, error) {
	var f scenario.Facts
	version, err := k.Client.Discovery().ServerVersion()
	if err != nil {
		return f, fmt.Errorf("version: %w", err)
	}
	f.Kubernetes, _, _ = strings.Cut(version.GitVersion, "+")
	for _, n := range nodes {
		if isControlPlane(n) {
			f.ControlPlanes++
		} else {
			f.Workers++
		}
	}
	pods, services, err := prefixes(ctx, k, nodes)
	if err != nil {
		return f, err
	}
	f.PodCIDR, f.PodCIDR6 = byFamily(pods)
	f.ServiceCIDR, f.ServiceCIDR6 = byFamily(services)
	switch {
	case f.ServiceCIDR.IsValid() && f.ServiceCIDR6.IsValid():
		f.IPFamily = scenario.DualFamily
	case f.ServiceCIDR6.IsValid():
		f.IPFamily = scenario.IPv6Family
	default:
		f.IPFamily = scenario.IPv4Family
	}
	f.KubeProxy, err = kubeProxy(ctx, k)
	return f, err
}

// prefixes returns the prefixes of pods and services: kubeadm's configuration, else the objects of the API.
func prefixes(ctx context.Context, k *cluster.Kube, nodes []corev1.Node) (pods, services []netip.Prefix, err error) {
	got, err := k.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, "kubeadm-config", metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, nil, fmt.Errorf("kubeadm's configuration: %w", err)
	}
	if err == nil {
		var config struct {
			Networking struct{ PodSubnet, ServiceSubnet string }
		}
		if err := yaml.Unmarshal([]byte(got.Data["ClusterConfiguration"]), &config); err != nil {
			return nil, nil, fmt.Errorf("kubeadm's configuration: %w", err)
		}
		pods, services = parsed(strings.Split(config.Networking.PodSubnet, ",")), parsed(strings.Split(config.Networking.ServiceSubnet, ","))
	}
	if len(services) == 0 {
		list, err := k.Client.NetworkingV1().ServiceCIDRs().List(ctx, metav1.ListOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, nil, fmt.Errorf("prefixes of services: %w", err)
		}
		if err == nil {
			for _, s := range list.Items {
				services = append(services, parsed(s.Spec.CIDRs)...)
			}
		}
	}
	if len(pods) == 0 {
		pods = covering(nodes)
	}
	return pods, services, nil
}

// covering returns, for each IP family, the longest prefix with the pods of all nodes.
func covering(nodes []corev1.Node) []netip.Prefix {
	var all []netip.Prefix
	for _, v6 := range []bool{false, true} {
		var cover netip.Prefix
		for _, n := range nodes {
			for _, p := range parsed(n.Spec.PodCIDRs) {
				if p.Addr().Is6() != v6 {
					continue
				}
				if !cover.IsValid() {
					cover = p
				}
				for !cover.Contains(p.Addr()) || cover.Bits() > p.Bits() {
					cover = netip.PrefixFrom(cover.Addr(), cover.Bits()-1).Masked()
				}
			}
		}
		if cover.IsValid() {
			all = append(all, cover)
		}
	}
	return all
}

func parsed(texts []string) []netip.Prefix {
	var all []netip.Prefix
	for _, t := range texts {
		if p, err := netip.ParsePrefix(strings.TrimSpace(t)); err == nil {
			all = append(all, p.Masked())
		}
	}
	return all
}

func byFamily(all []netip.Prefix) (v4, v6 netip.Prefix) {
	if i := slices.IndexFunc(all, func(p netip.Prefix) bool { return p.Addr().Is4() }); i >= 0 {
		v4 = all[i]
	}
	if i := slices.IndexFunc(all, func(p netip.Prefix) bool { return p.Addr().Is6() }); i >= 0 {
		v6 = all[i]
	}
	return v4, v6
}

// kubeProxy returns the mode of the running kube-proxy; none without its DaemonSet.
func kubeProxy(ctx context.Context, k *cluster.Kube) (scenario.KubeProxy, error) {
	_, err := k.Client.AppsV1().DaemonSets(metav1.NamespaceSystem).Get(ctx, "kube-proxy", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return scenario.KubeProxyNone, nil
	}
	if err != nil {
		return "", fmt.Errorf("kube-proxy: %w", err)
	}
	got, err := k.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, "kube-proxy", metav1.GetOptions{})
	if err != nil {
		return scenario.KubeProxyIPTables, nil //nolint:nilerr // the default without a configuration
	}
	var config struct{ Mode scenario.KubeProxy }
	if err := yaml.Unmarshal([]byte(got.Data["config.conf"]), &config); err != nil || config.Mode == "" {
		return scenario.KubeProxyIPTables, nil //nolint:nilerr // the default
	}
	return config.Mode, nil
}
