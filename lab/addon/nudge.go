package addon

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"skidpad.dev/skidpad/lab/cluster"
)

// servicesUnread is the message of a kubelet about a container that has to start before the kubelet has the first list of
// services. The kubelet tries again only after a back-off of at least 10 s, or when the pod changes.
const servicesUnread = "services have not yet been read at least once"

// nudge changes an annotation of each selected pod in the back-off, and the kubelet therefore tries again at once. nudge goes
// on until ctx ends. nudge reports no errors, because an error costs only time.
func nudge(ctx context.Context, k *cluster.Kube, namespace, labels string) {
	w, err := k.Client.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{LabelSelector: labels})
	if err != nil {
		return
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e, open := <-w.ResultChan():
			if !open {
				return
			}
			if pod, ok := e.Object.(*corev1.Pod); ok && e.Type != watch.Deleted && startedTooEarly(pod) {
				patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"skidpad.dev/nudged":%q}}}`, time.Now().Format(time.RFC3339Nano))
				_, _ = k.Client.CoreV1().Pods(namespace).Patch(ctx, pod.Name, types.MergePatchType, patch, metav1.PatchOptions{})
			}
		}
	}
}

// startedTooEarly reports whether a container of the pod waits because the kubelet had no services yet.
func startedTooEarly(pod *corev1.Pod) bool {
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, s := range list {
			if s.State.Waiting != nil && strings.Contains(s.State.Waiting.Message, servicesUnread) {
				return true
			}
		}
	}
	return false
}
