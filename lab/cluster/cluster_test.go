package cluster

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
)

func TestDecode(t *testing.T) {
	list, err := decode("---\n# nothing\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b, namespace: c}\n")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, u := range list {
		names = append(names, name(u))
	}
	if got := strings.Join(names, ", "); got != "Namespace a, Pod c/b" {
		t.Errorf("seen %s", got)
	}
	for text, want := range map[string]string{
		"apiVersion: v1\nmetadata: {name: a}\n":                        `document 1: apiVersion, kind and metadata.name are needed, seen "v1", "" and "a"`,
		"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\na: [b\n": "document 2",
	} {
		if _, err := decode(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: seen error %v, wanted %q in it", text, err, want)
		}
	}
}

var podsGVR = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

func pod(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name, "namespace": "default"}}}
}

func TestWaitForSeesAnObjectThatComesLater(t *testing.T) {
	k := &Kube{Dynamic: dynamicfake.NewSimpleDynamicClient(scheme.Scheme, pod("one"))}
	judged := make(chan struct{})
	go func() {
		<-judged
		_, _ = k.Dynamic.Resource(podsGVR).Namespace("default").Create(context.Background(), pod("two"), metav1.CreateOptions{})
	}()
	first := true
	err := k.WaitFor(t.Context(), Wait{What: "two pods", Resource: podsGVR, Namespace: "default", Within: 5 * time.Second,
		Done: func(seen []*unstructured.Unstructured) (bool, string) {
			if first {
				first = false
				close(judged)
			}
			return len(seen) == 2, "fewer"
		}})
	if err != nil {
		t.Error(err)
	}
}

func TestWaitForJudgesAnEmptyList(t *testing.T) {
	k := &Kube{Dynamic: dynamicfake.NewSimpleDynamicClient(scheme.Scheme)}
	err := k.WaitFor(t.Context(), Wait{What: "no pods", Resource: podsGVR, Within: 5 * time.Second,
		Done: func(seen []*unstructured.Unstructured) (bool, string) { return len(seen) == 0, "some" }})
	if err != nil {
		t.Error(err)
	}
}

func TestWaitForTellsWhatItSaw(t *testing.T) {
	k := &Kube{Dynamic: dynamicfake.NewSimpleDynamicClient(scheme.Scheme, pod("one"))}
	err := k.WaitFor(t.Context(), Wait{What: "two pods", Resource: podsGVR, Namespace: "default", Within: 300 * time.Millisecond,
		Done:    func([]*unstructured.Unstructured) (bool, string) { return false, "1 pod" },
		Explain: func(context.Context) string { return "the second was never made" }})
	var timeout *TimeoutError
	if !errors.As(err, &timeout) || timeout.Seen != "1 pod" || timeout.Why != "the second was never made" {
		t.Fatalf("seen %#v", err)
	}
	if !strings.HasPrefix(err.Error(), "two pods: not after ") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("seen %v", err)
	}
}

func TestExplainPods(t *testing.T) {
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: "default", UID: "u-1", Labels: map[string]string{"app": "echo"}}
	}
	ready := corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
	waiting := corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{Name: "echo",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImageNeverPull", Message: "not there"}}}}}
	unplaced := corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes are available"}}}
	cases := []struct {
		name string
		pods []runtime.Object
		want []string
	}{
		{"none", nil, []string{"no pod of app=echo is in namespace default"}},
		{"ready", []runtime.Object{&corev1.Pod{ObjectMeta: meta("a"), Status: ready}}, []string{"all 1 pods of app=echo are ready"}},
		{"waiting", []runtime.Object{
			&corev1.Pod{ObjectMeta: meta("a"), Spec: corev1.PodSpec{NodeName: "w1"}, Status: waiting},
			&corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "e", Namespace: "default"}, InvolvedObject: corev1.ObjectReference{UID: "u-1"}, Type: "Warning", Reason: "Failed", Message: "no image\n"},
		}, []string{"pod default/a on w1: container echo waits: ErrImageNeverPull: not there", "  Warning Failed: no image"}},
		{"unplaced", []runtime.Object{&corev1.Pod{ObjectMeta: meta("a"), Status: unplaced}}, []string{"pod default/a on no node: Pending, PodScheduled is false: Unschedulable: 0/3 nodes are available"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			k := &Kube{Client: fake.NewClientset(c.pods...)}
			if got := k.ExplainPods(t.Context(), "default", "app=echo"); got != strings.Join(c.want, "\n") {
				t.Errorf("seen:\n%s\nwanted:\n%s", got, strings.Join(c.want, "\n"))
			}
		})
	}
}
