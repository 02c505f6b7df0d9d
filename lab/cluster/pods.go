package cluster

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// lastEvents is the number of a pod's events to report.
const lastEvents = 3

// ExplainPods describes, in a few lines each, the selector's pods that are not ready and the reasons: phase,
// the containers' waiting reasons, the last events. ExplainPods is for errors, so a failure to read is also
// returned as text.
func (k *Kube) ExplainPods(ctx context.Context, namespace, labels string) string {
	pods, err := k.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: labels})
	if err != nil {
		return "pods cannot be read: " + err.Error()
	}
	if len(pods.Items) == 0 {
		return fmt.Sprintf("no pod of %s is in namespace %s", labels, namespace)
	}
	var lines []string
	for i := range pods.Items {
		p := &pods.Items[i]
		if PodReady(p) {
			continue
		}
		lines = append(lines, fmt.Sprintf("pod %s/%s on %s: %s", p.Namespace, p.Name, orNone(p.Spec.NodeName), Explain(p)))
		for _, e := range k.events(ctx, p) {
			lines = append(lines, "  "+e)
		}
	}
	if len(lines) == 0 {
		return fmt.Sprintf("all %d pods of %s are ready", len(pods.Items), labels)
	}
	return strings.Join(lines, "\n")
}

// PodReady reports whether a pod's Ready condition is true and the pod is not being deleted.
func PodReady(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue && p.DeletionTimestamp == nil
		}
	}
	return false
}

// Stale returns a container that, by the API, has been running since before the start of its node: the kubelet
// has not reported since the start. Stale returns "" if there is none. The API keeps whole seconds.
func Stale(p *corev1.Pod, started time.Time) string {
	for _, c := range p.Status.ContainerStatuses {
		if run := c.State.Running; run != nil && run.StartedAt.Time.Before(started.Truncate(time.Second)) {
			return c.Name
		}
	}
	return ""
}

// Explain returns the reason in one line why a pod is not ready, the most informative fact first.
func Explain(p *corev1.Pod) string {
	for _, list := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for _, c := range list {
			switch {
			case c.State.Waiting != nil && c.State.Waiting.Reason != "PodInitializing" && c.State.Waiting.Reason != "ContainerCreating":
				text := fmt.Sprintf("container %s waits: %s: %s", c.Name, c.State.Waiting.Reason, c.State.Waiting.Message)
				if t := c.LastTerminationState.Terminated; t != nil {
					text += fmt.Sprintf(" (ended before with code %d: %s %s)", t.ExitCode, t.Reason, strings.TrimSpace(t.Message))
				}
				return text
			case c.State.Terminated != nil && c.State.Terminated.ExitCode != 0:
				t := c.State.Terminated
				return fmt.Sprintf("container %s ended with code %d: %s %s", c.Name, t.ExitCode, t.Reason, strings.TrimSpace(t.Message))
			}
		}
	}
	for _, c := range p.Status.Conditions {
		if c.Status != corev1.ConditionTrue && c.Message != "" {
			return fmt.Sprintf("%s, %s is false: %s: %s", p.Status.Phase, c.Type, c.Reason, c.Message)
		}
	}
	return string(p.Status.Phase)
}

// events returns a pod's last events, oldest first.
func (k *Kube) events(ctx context.Context, p *corev1.Pod) []string {
	list, err := k.Client.CoreV1().Events(p.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.uid=" + string(p.UID)})
	if err != nil {
		return []string{"events cannot be read: " + err.Error()}
	}
	sort.Slice(list.Items, func(i, j int) bool {
		return list.Items[i].LastTimestamp.Time.Before(list.Items[j].LastTimestamp.Time)
	})
	items := list.Items[max(0, len(list.Items)-lastEvents):]
	lines := make([]string, 0, len(items))
	for i := range items {
		lines = append(lines, fmt.Sprintf("%s %s: %s", items[i].Type, items[i].Reason, strings.TrimSpace(items[i].Message)))
	}
	return lines
}

func orNone(s string) string {
	if s == "" {
		return "no node"
	}
	return s
}
