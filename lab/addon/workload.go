package addon

import (
	"context"
	"fmt"
	"maps"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
)

const (
	// workloadLabel names a workload's pods.
	workloadLabel = "app.kubernetes.io/name"
	// servicePort is the port of a workload's Service, TCP and UDP.
	servicePort = 80
	// workloadWithin is many times the usual start of pods (10 s), for busy machines.
	workloadWithin = 6 * time.Minute
)

var (
	podsResource     = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	servicesResource = schema.GroupVersionResource{Version: "v1", Resource: "services"}
)

// Workload is a Deployment with a Service.
type Workload struct {
	plan    plan.Workload
	lab     string
	image   string
	workers int
}

var _ Addon = (*Workload)(nil)

// NewWorkload returns a workload of the plan with the image from images, by plan.Image.Key.
func NewWorkload(p *plan.Plan, w plan.Workload, images map[string]image.Resolved) (*Workload, error) {
	img, ok := images[w.Image.Key()]
	if !ok {
		return nil, fmt.Errorf("lab bug: image %s of workload %s is not resolved", w.Image.Key(), w.Name)
	}
	workers := 0
	for _, n := range p.Cluster.Members() {
		if !n.ControlPlane {
			workers++
		}
	}
	return &Workload{plan: w, lab: p.Lab, image: img.Ref, workers: max(workers, 1)}, nil
}

// Selector returns the labels of a workload's pods.
func Selector(w plan.Workload) map[string]string { return map[string]string{workloadLabel: w.Name} }

// Name returns the workload's name for messages.
func (w *Workload) Name() string { return "workload " + w.plan.Name }

// Prepare has nothing to do.
func (w *Workload) Prepare(context.Context) error { return nil }

// Install applies the Deployment and the Service. Install may run before the CNI: the pods then wait on the nodes for the
// CNI.
func (w *Workload) Install(ctx context.Context, k *cluster.Kube) error {
	return k.ApplyObjects(ctx, w.Objects()...)
}

// Objects returns the workload's Kubernetes objects.
func (w *Workload) Objects() []runtime.Object {
	return []runtime.Object{w.deployment(), w.service()}
}

// Ready waits for every replica, and for the LoadBalancer address of a Service of type LoadBalancer.
func (w *Workload) Ready(ctx context.Context, k *cluster.Kube) error {
	selector := workloadLabel + "=" + w.plan.Name
	err := k.WaitFor(ctx, cluster.Wait{
		What:     fmt.Sprintf("Deployment %s/%s: %d pods ready", w.plan.Namespace, w.plan.Name, w.plan.Replicas),
		Resource: podsResource, Namespace: w.plan.Namespace, Labels: selector, Within: workloadWithin,
		Done:    func(seen []*unstructured.Unstructured) (bool, string) { return podsReady(seen, w.plan.Replicas) },
		Explain: func(ctx context.Context) string { return k.ExplainPods(ctx, w.plan.Namespace, selector) },
	})
	if err != nil || w.plan.Service.Type != string(corev1.ServiceTypeLoadBalancer) {
		return err
	}
	return k.WaitFor(ctx, cluster.Wait{
		What:     fmt.Sprintf("Service %s/%s: a LoadBalancer address", w.plan.Namespace, w.plan.Service.Name),
		Resource: servicesResource, Namespace: w.plan.Namespace, Fields: "metadata.name=" + w.plan.Service.Name, Within: workloadWithin,
		Done: func(seen []*unstructured.Unstructured) (bool, string) { return hasIngress(seen, w.families()) },
	})
}

func podsReady(seen []*unstructured.Unstructured, want int) (bool, string) {
	ready := 0
	for _, u := range seen {
		p := &corev1.Pod{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, p); err == nil && cluster.PodReady(p) {
			ready++
		}
	}
	return ready >= want && len(seen) == want, fmt.Sprintf("%d of %d pods ready, %d wanted", ready, len(seen), want)
}

// families returns the number of IP families: the Service has an address of each kind per family.
func (w *Workload) families() int {
	if w.plan.DualStack {
		return 2
	}
	return 1
}

func hasIngress(seen []*unstructured.Unstructured, want int) (bool, string) {
	if len(seen) == 0 {
		return false, "it is not there"
	}
	s := &corev1.Service{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(seen[0].Object, s); err != nil {
		return false, err.Error()
	}
	if len(s.Status.LoadBalancer.Ingress) >= want {
		return true, ""
	}
	why := fmt.Errorf("%d of %d addresses, and nobody says why; is there a pool whose selector takes the Service?", len(s.Status.LoadBalancer.Ingress), want)
	for _, c := range s.Status.Conditions {
		if c.Status != metav1.ConditionTrue {
			why = fmt.Errorf("no address: %s: %s: %s", c.Type, c.Reason, c.Message)
		}
	}
	return false, why.Error()
}

func (w *Workload) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: w.plan.Namespace, Labels: map[string]string{
		workloadLabel: w.plan.Name, "dev.skidpad.lab": w.lab, "dev.skidpad.role": "workload",
	}}
}

func (w *Workload) deployment() *appsv1.Deployment {
	replicas, grace, no := int32(w.plan.Replicas), int64(1), false
	meta := w.meta(w.plan.Name)
	selector := map[string]string{workloadLabel: w.plan.Name}
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: meta,
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: selector},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: meta.Labels},
				Spec: corev1.PodSpec{
					TerminationGracePeriodSeconds: &grace,
					// The echo does not use the API. A token's volume delays a pod that was placed before the node's network,
					// because the kubelet mounts the volume only after growing pauses.
					AutomountServiceAccountToken: &no,
					EnableServiceLinks:           &no,
					Containers:                   []corev1.Container{w.container()},
					Tolerations:                  early(),
					TopologySpreadConstraints:    w.spread(selector),
				},
			},
		},
	}
}

func (w *Workload) container() corev1.Container {
	field := func(name, path string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path}}}
	}
	return corev1.Container{
		Name: "echo", Image: w.image, ImagePullPolicy: corev1.PullIfNotPresent,
		Env: []corev1.EnvVar{field("POD_NAME", "metadata.name"), field("NODE_NAME", "spec.nodeName"), field("POD_IP", "status.podIP")},
		Ports: []corev1.ContainerPort{
			{Name: "http", ContainerPort: int32(w.plan.Ports.HTTP), Protocol: corev1.ProtocolTCP},
			{Name: "udp", ContainerPort: int32(w.plan.Ports.UDP), Protocol: corev1.ProtocolUDP},
		},
		// A pod without a CPU request has the kernel's least weight. The echo must rarely be late on a busy machine, because
		// a prober cannot tell a late answer from a lost answer.
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}},
		ReadinessProbe: &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/", Port: intstr.FromString("http"), Scheme: corev1.URISchemeHTTP}},
			PeriodSeconds: 1, TimeoutSeconds: 1, SuccessThreshold: 1, FailureThreshold: 3,
		},
	}
}

// early tolerates nodes without a network. The pods are placed early, and start as soon as the network is there. A lost node
// has another taint (unreachable) and still drives the pods off.
func early() []corev1.Toleration {
	var list []corev1.Toleration
	for _, key := range cluster.PassingTaints {
		list = append(list, corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule})
	}
	return list
}

// spread puts the replicas evenly on the workers of the bring-up. The workers that have not joined yet count, too.
func (w *Workload) spread(selector map[string]string) []corev1.TopologySpreadConstraint {
	domains, honor := int32(min(w.plan.Replicas, w.workers)), corev1.NodeInclusionPolicyHonor
	return []corev1.TopologySpreadConstraint{{
		MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.DoNotSchedule,
		MinDomains: &domains, NodeTaintsPolicy: &honor,
		LabelSelector: &metav1.LabelSelector{MatchLabels: selector},
	}}
}

func (w *Workload) service() *corev1.Service {
	s := w.plan.Service
	var external []string
	for _, a := range s.ExternalIPs {
		external = append(external, a.String())
	}
	spec := corev1.ServiceSpec{
		Type: corev1.ServiceType(s.Type), Selector: map[string]string{workloadLabel: w.plan.Name}, ExternalIPs: external,
		Ports: []corev1.ServicePort{
			{Name: "http", Port: servicePort, TargetPort: intstr.FromString("http"), Protocol: corev1.ProtocolTCP},
			{Name: "udp", Port: servicePort, TargetPort: intstr.FromString("udp"), Protocol: corev1.ProtocolUDP},
		},
	}
	if s.LoadBalancerIP != nil {
		// The field is deprecated since Kubernetes 1.24, but every allocator of addresses still understands the field.
		spec.LoadBalancerIP = s.LoadBalancerIP.String()
	}
	if w.plan.DualStack {
		policy := corev1.IPFamilyPolicyRequireDualStack
		spec.IPFamilyPolicy, spec.IPFamilies = &policy, []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}
	}
	if p := s.InternalTrafficPolicy; p != "" {
		policy := corev1.ServiceInternalTrafficPolicy(p)
		spec.InternalTrafficPolicy = &policy
	}
	// The API refuses this field on a ClusterIP Service without an external address.
	if s.ExternalTrafficPolicy != "" && (s.Type != string(corev1.ServiceTypeClusterIP) || len(external) > 0) {
		spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicy(s.ExternalTrafficPolicy)
	}
	meta := w.meta(s.Name)
	meta.Annotations = s.Annotations
	maps.Copy(meta.Labels, s.Labels)
	return &corev1.Service{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: meta, Spec: spec}
}
