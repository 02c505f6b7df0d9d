package fleet

import (
	"encoding/json"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// LabelRun is on every object of a run; the value is the run's name.
	LabelRun = "dev.skidpad.fleet"
	// labelPart distinguishes the pods of a run.
	labelPart = "dev.skidpad.fleet.part"
	// labelIndex is Kubernetes' label for the index of a Job's pod.
	labelIndex = batchv1.JobCompletionIndexAnnotation

	partShard, partPreflight, partMark = "shard", "preflight", "mark"

	container = "runner"
	prefix    = "skidpad-fleet-" // of the names of objects

	keyShards, keyDone = "shards.json", "done.json" // of the ConfigMap

	// The folders of a shard's pod.
	dirConfig  = "/etc/skidpad-fleet"
	dirCache   = "/var/lib/skidpad-cache"
	dirResults = "/var/lib/skidpad-results"

	// envNode and envPod tell a shard its node and pod.
	envNode, envPod = "FLEET_NODE", "FLEET_POD"
)

// Spec describes a run's pods.
type Spec struct {
	Name      string // of the run
	Namespace string
	Image     string // the runner image, in the cluster's registry or on its nodes
	CPU       resource.Quantity
	Memory    resource.Quantity
	Retries   int32    // repetitions of a shard whose lab could not be made, or whose pod was lost
	Cache     string   // folder on the nodes for the engines' data; empty: nothing is kept on nodes
	Nodes     []string // suitable nodes
}

func (s Spec) meta(name, part string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: s.Namespace, Labels: map[string]string{LabelRun: s.Name, labelPart: part}}
}

func (s Spec) object() string { return prefix + s.Name }

// configMap has the tasks of all shards, and the tasks that need not run again: the collected results.
func (s Spec) configMap(shards [][]Task, done map[string]int) (*corev1.ConfigMap, error) {
	tasks, err := json.Marshal(shards)
	if err != nil {
		return nil, err
	}
	codes, err := json.Marshal(done)
	if err != nil {
		return nil, err
	}
	return &corev1.ConfigMap{ObjectMeta: s.meta(s.object(), "tasks"), Data: map[string]string{keyShards: string(tasks), keyDone: string(codes)}}, nil
}

// job is the Indexed Job: an index is a shard. The policy reads the exit code of the shard's command.
func (s Spec) job(shards int) *batchv1.Job {
	n := int32(shards) //nolint:gosec // a number of shards
	indexed, onlyFailed := batchv1.IndexedCompletion, batchv1.Failed
	on := func(action batchv1.PodFailurePolicyAction, codes ...int32) batchv1.PodFailurePolicyRule {
		name := container
		return batchv1.PodFailurePolicyRule{Action: action, OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{
			ContainerName: &name, Operator: batchv1.PodFailurePolicyOnExitCodesOpIn, Values: codes}}
	}
	pod := s.pod(partShard, "skidpad", "run", "--shard")
	pod.Affinity = s.affinity()
	return &batchv1.Job{ObjectMeta: s.meta(s.object(), "job"), Spec: batchv1.JobSpec{
		CompletionMode: &indexed, Completions: &n, Parallelism: &n,
		BackoffLimitPerIndex: &s.Retries, MaxFailedIndexes: &n, PodReplacementPolicy: podReplacement(onlyFailed),
		PodFailurePolicy: &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{
			// First, because a drained pod ends with a code, too.
			{Action: batchv1.PodFailurePolicyActionIgnore, OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{
				{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue}}},
			on(batchv1.PodFailurePolicyActionFailIndex, Failed, Unknown),
			on(batchv1.PodFailurePolicyActionFailJob, Misused),
			on(batchv1.PodFailurePolicyActionCount, NoLab),
		}},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{LabelRun: s.Name, labelPart: partShard}}, Spec: pod},
	}}
}

func podReplacement(p batchv1.PodReplacementPolicy) *batchv1.PodReplacementPolicy { return &p }

// affinity keeps shards on suitable nodes, away from each other, and a repeated shard away from the nodes with its mark.
func (s Spec) affinity() *corev1.Affinity {
	away := func(weight int32, part string, keys ...string) corev1.WeightedPodAffinityTerm {
		return corev1.WeightedPodAffinityTerm{Weight: weight, PodAffinityTerm: corev1.PodAffinityTerm{
			TopologyKey: corev1.LabelHostname, MatchLabelKeys: keys,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{LabelRun: s.Name, labelPart: part}}}}
	}
	a := &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{
		away(100, partMark, labelIndex), away(50, partShard)}}}
	for _, n := range s.Nodes {
		a.NodeAffinity = onNode(a.NodeAffinity, n)
	}
	return a
}

// onNode adds a node to the permitted nodes.
func onNode(a *corev1.NodeAffinity, name string) *corev1.NodeAffinity {
	if a == nil {
		a = &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{}}
	}
	r := a.RequiredDuringSchedulingIgnoredDuringExecution
	r.NodeSelectorTerms = append(r.NodeSelectorTerms, corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{
		{Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{name}}}})
	return a
}

// pod is a privileged pod with Guaranteed resources and without rights in the cluster.
func (s Spec) pod(part string, command ...string) corev1.PodSpec {
	yes, no, grace := true, false, int64(60)
	resources := corev1.ResourceList{corev1.ResourceCPU: s.CPU, corev1.ResourceMemory: s.Memory}
	field := func(name, path string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
	}
	cache := corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	if s.Cache != "" {
		kind := corev1.HostPathDirectoryOrCreate
		cache = corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: s.Cache, Type: &kind}}
	}
	spec := corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever, AutomountServiceAccountToken: &no, EnableServiceLinks: &no, TerminationGracePeriodSeconds: &grace,
		Containers: []corev1.Container{{
			Name: container, Image: s.Image, ImagePullPolicy: corev1.PullIfNotPresent, Args: command,
			Env:             []corev1.EnvVar{field(envNode, "spec.nodeName"), field(envPod, "metadata.name")},
			SecurityContext: &corev1.SecurityContext{Privileged: &yes},
			Resources:       corev1.ResourceRequirements{Requests: resources, Limits: resources},
			VolumeMounts:    []corev1.VolumeMount{{Name: "cache", MountPath: dirCache}, {Name: "results", MountPath: dirResults}},
		}},
		Volumes: []corev1.Volume{{Name: "cache", VolumeSource: cache}, {Name: "results", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
	}
	if part == partShard {
		spec.Containers[0].VolumeMounts = append(spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "tasks", MountPath: dirConfig})
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: "tasks", VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: s.object()}}}})
	}
	return spec
}

// preflight is the pod that tries one node: can an engine start, and does the doctor find what labs need?
func (s Spec) preflight(node, name string, command ...string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: s.meta(name, partPreflight), Spec: s.pod(partPreflight, command...)}
	p.Spec.Affinity = &corev1.Affinity{NodeAffinity: onNode(nil, node)}
	return p
}

// mark is a pod without work on a node where a shard's lab could not be made: the scheduler prefers other nodes for the shard.
func (s Spec) mark(index int, node string) *corev1.Pod {
	none, grace := corev1.ResourceList{}, int64(0)
	at := strconv.Itoa(index)
	p := &corev1.Pod{ObjectMeta: s.meta("", partMark), Spec: corev1.PodSpec{NodeName: node, TerminationGracePeriodSeconds: &grace,
		Containers: []corev1.Container{{Name: container, Image: s.Image, ImagePullPolicy: corev1.PullIfNotPresent, Command: []string{"sleep", "infinity"},
			Resources: corev1.ResourceRequirements{Requests: none}}}}}
	p.GenerateName = s.object() + "-mark-"
	p.Labels[labelIndex] = at
	return p
}
