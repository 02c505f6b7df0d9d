package cluster

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestStaleNamesWhatRunsSinceBeforeItsNode(t *testing.T) {
	started := time.Date(2026, 11, 21, 16, 18, 0, 700_000_000, time.UTC)
	running := func(at time.Time) corev1.ContainerStatus {
		return corev1.ContainerStatus{Name: "agent", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(at)}}}
	}
	for _, test := range []struct {
		name   string
		status corev1.ContainerStatus
		want   string
	}{
		{"before", running(started.Add(-time.Minute)), "agent"},
		{"in the node's own second, of which the API keeps the begin", running(started.Truncate(time.Second)), ""},
		{"after", running(started.Add(5 * time.Second)), ""},
		{"does not run", corev1.ContainerStatus{Name: "agent", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}}, ""},
	} {
		p := &corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{test.status}}}
		if got := Stale(p, started); got != test.want {
			t.Errorf("%s: %q, wanted %q", test.name, got, test.want)
		}
	}
}
