package labtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/dynamic"
)

// Planned is the name of the plan's own resources in a cluster.
const Planned = "skidpad"

// Undo registers a function that undoes a spec's change. With --keep, a failed spec undoes nothing.
func Undo(undo func(ginkgo.SpecContext)) {
	ginkgo.DeferCleanup(func(ctx ginkgo.SpecContext) {
		if *keep && ginkgo.CurrentSpecReport().Failed() {
			return
		}
		undo(ctx)
	})
}

// Service creates a LoadBalancer Service, TCP and UDP port 80, for the pods of a workload, until the spec ends; change
// may edit the Service before.
func (l *Lab) Service(ctx context.Context, name, workload string, change func(*corev1.Service)) *corev1.Service {
	ginkgo.GinkgoHelper()
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: corev1.NamespaceDefault, Labels: map[string]string{}, Annotations: map[string]string{}},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Selector: map[string]string{"app.kubernetes.io/name": workload}, Ports: []corev1.ServicePort{
			{Name: "http", Port: 80, TargetPort: intstr.FromString("http"), Protocol: corev1.ProtocolTCP},
			{Name: "udp", Port: 80, TargetPort: intstr.FromString("udp"), Protocol: corev1.ProtocolUDP},
		}},
	}
	if change != nil {
		change(s)
	}
	s, err := l.services().Create(ctx, s, metav1.CreateOptions{})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	Undo(func(ctx ginkgo.SpecContext) { l.DeleteService(ctx, name) })
	return s
}

// NoNodePorts makes a Service without node ports. A Service with two different traffic policies, at any time, needs
// this: Cilium 1.19.5 does not forget all entries of the node port when the Service is deleted, and goes on sending
// flows to its pods after the pods are gone; see scenarios/bugs/cilium-stale-nodeport.
func NoNodePorts(s *corev1.Service) {
	none := false
	s.Spec.AllocateLoadBalancerNodePorts = &none
}

// DeleteService deletes a Service; a missing Service is no error.
func (l *Lab) DeleteService(ctx context.Context, name string) {
	ginkgo.GinkgoHelper()
	if err := l.services().Delete(ctx, name, metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
	}
}

// EditService changes a Service created by the spec.
func (l *Lab) EditService(ctx context.Context, name string, change func(*corev1.Service)) {
	ginkgo.GinkgoHelper()
	gomega.Eventually(ctx, func() error {
		s, err := l.services().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		change(s)
		_, err = l.services().Update(ctx, s, metav1.UpdateOptions{})
		return err
	}).WithTimeout(baseWithin).Should(gomega.Succeed(), "an update may meet another's")
}

func (l *Lab) services() interface {
	Create(context.Context, *corev1.Service, metav1.CreateOptions) (*corev1.Service, error)
	Get(context.Context, string, metav1.GetOptions) (*corev1.Service, error)
	Update(context.Context, *corev1.Service, metav1.UpdateOptions) (*corev1.Service, error)
	Delete(context.Context, string, metav1.DeleteOptions) error
} {
	return l.Kube.Client.CoreV1().Services(corev1.NamespaceDefault)
}

// Ingress returns the LoadBalancer address of a Service at this moment, invalid without an address. For Eventually.
func (l *Lab) Ingress(ctx context.Context, service string) (netip.Addr, error) {
	s, err := l.services().Get(ctx, service, metav1.GetOptions{})
	if err != nil || len(s.Status.LoadBalancer.Ingress) == 0 {
		return netip.Addr{}, err
	}
	return netip.ParseAddr(s.Status.LoadBalancer.Ingress[0].IP)
}

// Object creates a custom resource until the spec ends.
func (l *Lab) Object(ctx context.Context, gvr schema.GroupVersionResource, kind, name string, labels map[string]any, spec map[string]any) {
	ginkgo.GinkgoHelper()
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": gvr.GroupVersion().String(), "kind": kind,
		"metadata": map[string]any{"name": name, "labels": labels}, "spec": spec}}
	_, err := l.resource(gvr).Create(ctx, o, metav1.CreateOptions{})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	Undo(func(ctx ginkgo.SpecContext) {
		if err := l.resource(gvr).Delete(ctx, name, metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
			gomega.Expect(err).NotTo(gomega.HaveOccurred())
		}
	})
}

// Patch merges changes, as JSON, into a custom resource (RFC 7396). When the spec ends, the resource gets its former
// specification.
func (l *Lab) Patch(ctx context.Context, gvr schema.GroupVersionResource, name string, merge string) {
	ginkgo.GinkgoHelper()
	before, err := l.resource(gvr).Get(ctx, name, metav1.GetOptions{})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	Undo(func(ctx ginkgo.SpecContext) { l.putBack(ctx, gvr, before) })
	_, err = l.resource(gvr).Patch(ctx, name, types.MergePatchType, []byte(merge), metav1.PatchOptions{})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
}

// Repatch is Patch for a resource already patched by the spec: the restored state stays the same.
func (l *Lab) Repatch(ctx context.Context, gvr schema.GroupVersionResource, name string, merge string) {
	ginkgo.GinkgoHelper()
	_, err := l.resource(gvr).Patch(ctx, name, types.MergePatchType, []byte(merge), metav1.PatchOptions{})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
}

func (l *Lab) putBack(ctx context.Context, gvr schema.GroupVersionResource, before *unstructured.Unstructured) {
	ginkgo.GinkgoHelper()
	gomega.Eventually(ctx, func() error {
		now, err := l.resource(gvr).Get(ctx, before.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		now.Object["spec"] = before.Object["spec"]
		_, err = l.resource(gvr).Update(ctx, now, metav1.UpdateOptions{})
		return err
	}).WithTimeout(baseWithin).Should(gomega.Succeed(), "an update may meet another's")
}

func (l *Lab) resource(gvr schema.GroupVersionResource) dynamic.ResourceInterface {
	return l.Kube.Dynamic.Resource(gvr)
}

// Scale sets a workload's number of replicas; the spec's end restores the former number.
func (l *Lab) Scale(ctx context.Context, workload string, replicas int) {
	ginkgo.GinkgoHelper()
	at := slices.IndexFunc(l.Plan.Scenario.Spec.Workloads, func(w workloadSpec) bool { return w.Echo != nil && w.Echo.Name == workload })
	gomega.Expect(at).To(gomega.BeNumerically(">=", 0), "lab %s has no workload %s", l.Plan.Lab, workload)
	set := func(ctx context.Context, n int) {
		body, err := json.Marshal(map[string]any{"spec": map[string]any{"replicas": n}})
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		_, err = l.Kube.Client.AppsV1().Deployments(corev1.NamespaceDefault).Patch(ctx, workload, types.MergePatchType, body, metav1.PatchOptions{})
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
	}
	Undo(func(ctx ginkgo.SpecContext) { set(ctx, l.Plan.Scenario.Spec.Workloads[at].Echo.Replicas) })
	set(ctx, replicas)
}

// LabelNode gives a node a label until the spec ends.
func (l *Lab) LabelNode(ctx context.Context, short, key, value string) {
	ginkgo.GinkgoHelper()
	Undo(func(ctx ginkgo.SpecContext) { l.UnlabelNode(ctx, short, key) })
	l.setLabel(ctx, short, key, fmt.Sprintf("%q", value))
}

// UnlabelNode removes a label from a node; a missing label is no error.
func (l *Lab) UnlabelNode(ctx context.Context, short, key string) {
	ginkgo.GinkgoHelper()
	l.setLabel(ctx, short, key, "null")
}

// setLabel sets the value of a node's label, as JSON.
func (l *Lab) setLabel(ctx context.Context, short, key, value string) {
	ginkgo.GinkgoHelper()
	_, err := l.Kube.Client.CoreV1().Nodes().Patch(ctx, l.Plan.Cluster.Name+"-"+short, types.MergePatchType,
		fmt.Appendf(nil, `{"metadata": {"labels": {%q: %s}}}`, key, value), metav1.PatchOptions{})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
}
