package addon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Learner is an addon that recognizes itself in a running cluster.
type Learner interface {
	Fields
	// Learn fills in the fields from the cluster's objects. Learn returns nil if the addon is not in the cluster.
	Learn(ctx context.Context, in *Cluster) (*Learned, error)
}

// Leaver deletes objects that the addon made for the pods of a lab, and that outlive the pods.
type Leaver interface {
	Leave(ctx context.Context, kube *cluster.Kube, lab string) error
}

// Learned are the facts about a running addon besides the fields.
type Learned struct {
	Version  string
	Prefixes []netip.Prefix // the addon's own, such as of pods
	Notes    []string       // for people
}

// Cluster is a running cluster of which addons learn.
type Cluster struct {
	*cluster.Kube
	Nodes  []corev1.Node
	Sets   []appsv1.DaemonSet // of all namespaces
	found  *plan.Found
	router func(address string) string
}

// Learn adds the running addons to the facts about a cluster. router returns the name of the lab's router with an
// address, or "".
func Learn(ctx context.Context, kube *cluster.Kube, kinds scenario.Kinds, f *plan.Found, router func(address string) string) error {
	nodes, err := kube.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	sets, err := kube.Client.AppsV1().DaemonSets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("DaemonSets: %w", err)
	}
	in := &Cluster{Kube: kube, Nodes: nodes.Items, Sets: sets.Items, found: f, router: router}
	var roles []scenario.Role
	for _, m := range kinds.Addons {
		l, ok := m.New().(Learner)
		if !ok {
			continue
		}
		learned, err := l.Learn(ctx, in)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		if learned == nil {
			continue
		}
		roles = append(roles, l.Roles()...)
		f.Facts.Addons = append(f.Facts.Addons, scenario.Addon{Entry: scenario.Entry{Name: m.Name, Fields: l}})
		f.Programs = append(f.Programs, strings.TrimSpace(m.Name+" "+learned.Version))
		f.Taken, f.Notes = append(f.Taken, learned.Prefixes...), append(f.Notes, learned.Notes...)
		if p, ok := l.(scenario.Pooler); ok {
			_, pools := p.AddressPools()
			f.Taken = append(f.Taken, scenario.PoolPrefixes(pools)...)
		}
	}
	if !slices.Contains(roles, scenario.RoleCNI) {
		f.Programs = append([]string{"CNI " + in.cni()}, f.Programs...)
	}
	return nil
}

// cni names the DaemonSet that mounts the folder of CNI configurations.
func (c *Cluster) cni() string {
	for _, s := range c.Sets {
		for _, v := range s.Spec.Template.Spec.Volumes {
			if v.HostPath != nil && strings.HasPrefix(v.HostPath.Path, "/etc/cni/net.d") {
				return strings.TrimSpace(s.Name + " " + VersionOf(s.Spec.Template.Spec.Containers[0].Image))
			}
		}
	}
	return "unknown: no DaemonSet mounts /etc/cni/net.d"
}

var imageVersion = regexp.MustCompile(`:v?([0-9]+\.[0-9]+\.[0-9]+|v?[0-9]{8}[^@]*)`)

// VersionOf returns the version in the tag of an image, or "".
func VersionOf(image string) string {
	if m := imageVersion.FindStringSubmatch(image); m != nil {
		return m[1]
	}
	return ""
}

// Set returns the first DaemonSet with a container whose image has a name, and the container; nil without such a set.
func (c *Cluster) Set(image *regexp.Regexp) (*appsv1.DaemonSet, *corev1.Container) {
	for i := range c.Sets {
		containers := c.Sets[i].Spec.Template.Spec.Containers
		for j := range containers {
			if image.MatchString(containers[j].Image) {
				return &c.Sets[i], &containers[j]
			}
		}
	}
	return nil, nil
}

// Specs decodes the specs of all objects of a kind into T, in the first version that the API serves. Without the
// kind, the result is empty.
func Specs[T any](ctx context.Context, c *Cluster, group, resource string, versions ...string) (specs []Named[T], err error) {
	for _, v := range versions {
		list, err := c.Dynamic.Resource(schema.GroupVersionResource{Group: group, Version: v, Resource: resource}).List(ctx, metav1.ListOptions{})
		if apierrors.IsNotFound(err) || apimeta.IsNoMatchError(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", resource, err)
		}
		for _, o := range list.Items {
			spec, _, err := unstructured.NestedMap(o.Object, "spec")
			n := Named[T]{Name: o.GetName(), Labels: o.GetLabels()}
			if err = errors.Join(err, runtime.DefaultUnstructuredConverter.FromUnstructured(spec, &n.Spec)); err != nil {
				return nil, fmt.Errorf("%s %s: %w", resource, o.GetName(), err)
			}
			specs = append(specs, n)
		}
		return specs, nil
	}
	return nil, nil
}

// Named is the spec of an object with the object's name.
type Named[T any] struct {
	Name   string
	Labels map[string]string
	Spec   T
}

// NodesWith returns the scenario's names of the nodes that one of the selectors selects; nil for all nodes.
func (c *Cluster) NodesWith(selectors ...*metav1.LabelSelector) ([]string, error) {
	var some []string
	for _, n := range c.Nodes {
		for _, s := range selectors {
			if s == nil {
				return nil, nil
			}
			by, err := metav1.LabelSelectorAsSelector(s)
			if err != nil {
				return nil, err
			}
			if name := c.found.Short(n.Name); by.Matches(labels.Set(n.Labels)) && !slices.Contains(some, name) {
				some = append(some, name)
			}
		}
	}
	if len(selectors) == 0 || len(some) == len(c.Nodes) {
		return nil, nil
	}
	return some, nil
}

// All returns the scenario's names of all nodes.
func (c *Cluster) All() []string {
	var all []string
	for _, n := range c.Nodes {
		all = append(all, c.found.Short(n.Name))
	}
	return all
}

// Fights describes a kube-proxy that works against an addon: beside a replacement, or as a second answerer of ARP (ipvs
// without strictARP; metallb.io/installation). Else the result is empty. A lab stays possible, because both clusters are real.
func (c *Cluster) Fights(ctx context.Context, replaced, arp bool) ([]string, error) {
	mode := c.found.Facts.KubeProxy
	if replaced && mode != scenario.KubeProxyNone && mode != "" {
		return []string{fmt.Sprintf("kube-proxy (%s) runs beside its replacement: both program the addresses of Services; want one of them", mode)}, nil
	}
	if !arp || mode != scenario.KubeProxyIPVS {
		return nil, nil
	}
	got, err := c.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, "kube-proxy", metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("configuration of kube-proxy: %w", err)
	}
	var config struct{ IPVS struct{ StrictARP bool } }
	if err := yaml.Unmarshal([]byte(got.Data["config.conf"]), &config); err != nil {
		return nil, fmt.Errorf("configuration of kube-proxy: %w", err)
	}
	if config.IPVS.StrictARP {
		return nil, nil
	}
	return []string{"kube-proxy (ipvs) answers ARP for each LoadBalancer address on every node, beside the announcing node; want ipvs.strictARP: true"}, nil
}

// Peer returns a peer of the nodes by its address: the lab's router with the address, or the address itself. The note
// describes a peer in the nodes' network that is no router of the lab.
func (c *Cluster) Peer(address string, asn uint32) (p scenario.NodePeer, note string) {
	p.ASN = asn
	if p.Router = c.router(address); p.Router != "" {
		return p, ""
	}
	if a, err := netip.ParseAddr(address); err == nil {
		p.Address = &a
	}
	return p, fmt.Sprintf("the nodes dial %s (AS %d), which is no router of the lab", address, asn)
}
