package watch

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiwatch "k8s.io/apimachinery/pkg/watch"

	"skidpad.dev/skidpad/lab/timeline"
)

var kubeTeller = teller{node: func(name string) string { return strings.TrimPrefix(name, "skidpad-t-") }}

func p[T any](v T) *T { return &v }

func lease(holder string) *coordinationv1.Lease {
	l := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "cilium-l2announce-default-echo"}}
	if holder != "" {
		l.Spec.HolderIdentity, l.Spec.LeaseDurationSeconds = p("skidpad-t-"+holder), p(int32(15))
		l.Spec.RenewTime = p(metav1.NewMicroTime(time.Unix(1_790_000_000, 250_000_000)))
	}
	return l
}

func TestLease(t *testing.T) {
	story := &script{t: t}
	renewed := lease("worker")
	renewed.Spec.RenewTime = p(metav1.NewMicroTime(time.Unix(1_790_000_005, 0)))
	story.phase("made and held", kubeTeller.lease(nil, lease("worker")))
	story.phase("renewed", kubeTeller.lease(lease("worker"), renewed))
	story.phase("released", kubeTeller.lease(renewed, lease("")))
	story.phase("taken", kubeTeller.lease(lease(""), lease("worker2")))
	moved := kubeTeller.lease(lease("worker2"), lease("worker"))
	story.phase("taken from another", moved)
	if got := moved[0].Fields["lastRenewed"]; got != "2026-09-21T14:13:20.250000Z" {
		t.Errorf("the last renewal is %q", got)
	}
	story.phase("deleted", kubeTeller.lease(lease("worker"), nil))
	heartbeat := lease("worker")
	heartbeat.Namespace = corev1.NamespaceNodeLease
	story.phase("a node's heartbeat", kubeTeller.lease(nil, heartbeat))
	golden(t, "lease.txt", story.text.Bytes())
}

func slice(endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "echo-x1", Labels: map[string]string{discoveryv1.LabelServiceName: "echo"}},
		Endpoints:  endpoints,
	}
}

func at(address, pod, node string, ready, serving, terminating bool) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{
		Addresses: []string{address}, NodeName: p("skidpad-t-" + node), TargetRef: &corev1.ObjectReference{Name: pod},
		Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &serving, Terminating: &terminating},
	}
}

func TestEndpoints(t *testing.T) {
	story := &script{t: t}
	a := at("10.244.1.5", "echo-a", "worker", true, true, false)
	leaving, left := at("10.244.1.5", "echo-a", "worker", false, true, true), at("10.244.1.5", "echo-a", "worker", false, false, true)
	fresh := at("10.244.2.6", "echo-b", "worker2", false, false, false)
	ready := at("10.244.2.6", "echo-b", "worker2", true, true, false)
	story.phase("made", kubeTeller.endpoints(nil, slice(a)))
	story.phase("nothing changed", kubeTeller.endpoints(slice(a), slice(a)))
	story.phase("one is told to go, another comes", kubeTeller.endpoints(slice(a), slice(leaving, fresh)))
	story.phase("it serves no longer, the other is ready", kubeTeller.endpoints(slice(leaving, fresh), slice(left, ready)))
	story.phase("it is gone", kubeTeller.endpoints(slice(left, ready), slice(ready)))
	story.phase("the slice is deleted", kubeTeller.endpoints(slice(ready), nil))
	golden(t, "endpoints.txt", story.text.Bytes())
}

func TestServiceAndNode(t *testing.T) {
	story := &script{t: t}
	bare := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "echo"}}
	bare.Spec.Type, bare.Spec.ClusterIPs, bare.Spec.ExternalTrafficPolicy = corev1.ServiceTypeLoadBalancer, []string{"10.96.0.9"}, corev1.ServiceExternalTrafficPolicyCluster
	given := bare.DeepCopy()
	given.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "198.51.100.1"}}
	local := given.DeepCopy()
	local.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
	story.phase("a service is made", kubeTeller.service(nil, bare))
	story.phase("it gets its address", kubeTeller.service(bare, given))
	story.phase("its policy changes", kubeTeller.service(given, local))
	story.phase("it is deleted", kubeTeller.service(local, nil))

	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "skidpad-t-worker"}}
	state := func(s corev1.ConditionStatus, cordoned bool) *corev1.Node {
		n := node.DeepCopy()
		n.Spec.Unschedulable = cordoned
		n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: s}}
		return n
	}
	story.phase("a node is ready", kubeTeller.nodeObject(state(corev1.ConditionFalse, false), state(corev1.ConditionTrue, false)))
	story.phase("its heartbeat is missed", kubeTeller.nodeObject(state(corev1.ConditionTrue, false), state(corev1.ConditionUnknown, false)))
	story.phase("it is cordoned", kubeTeller.nodeObject(state(corev1.ConditionTrue, false), state(corev1.ConditionTrue, true)))
	story.phase("and no longer", kubeTeller.nodeObject(state(corev1.ConditionTrue, true), state(corev1.ConditionTrue, false)))
	golden(t, "service-node.txt", story.text.Bytes())
}

func TestPod(t *testing.T) {
	story := &script{t: t}
	made := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "echo-a", UID: "1"}}
	scheduled := made.DeepCopy()
	scheduled.Spec.NodeName = "skidpad-t-worker"
	running := func(id string, restarts int32, start int64, last *corev1.ContainerStateTerminated, ready corev1.ConditionStatus) *corev1.Pod {
		o := scheduled.DeepCopy()
		o.Status.PodIP = "10.244.1.5"
		o.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
		o.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "echo", RestartCount: restarts, ContainerID: id,
			State:                corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Unix(start, 0)}},
			LastTerminationState: corev1.ContainerState{Terminated: last}}}
		return o
	}
	one := running("c1", 0, 100, nil, corev1.ConditionTrue)
	killed := &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "Error", ContainerID: "c1"}
	down := one.DeepCopy()
	down.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: killed}
	down.Status.Conditions[0].Status = corev1.ConditionFalse
	two := running("c2", 1, 120, killed, corev1.ConditionTrue)
	leaving := two.DeepCopy()
	leaving.DeletionTimestamp, leaving.DeletionGracePeriodSeconds = p(metav1.Unix(200, 0)), p(int64(30))
	other := made.DeepCopy()
	other.UID = "2"
	story.phase("made", kubeTeller.pod(nil, made))
	story.phase("scheduled", kubeTeller.pod(made, scheduled))
	story.phase("runs", kubeTeller.pod(scheduled, one))
	story.phase("its container is killed", kubeTeller.pod(one, down))
	story.phase("and runs again", kubeTeller.pod(down, two))
	story.phase("both at once", kubeTeller.pod(one, two))
	story.phase("told to end", kubeTeller.pod(two, leaving))
	story.phase("gone", kubeTeller.pod(leaving, nil))
	story.phase("another of the same name", kubeTeller.pod(leaving, other))
	golden(t, "pod.txt", story.text.Bytes())
}

// fakeLeases is an API server with leases; the server can go away.
type fakeLeases struct {
	mu      sync.Mutex
	list    []coordinationv1.Lease
	away    bool
	stream  *apiwatch.FakeWatcher
	streams chan struct{}
}

func (f *fakeLeases) List(context.Context, metav1.ListOptions) (*coordinationv1.LeaseList, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return nil, errors.New("connection refused")
	}
	return &coordinationv1.LeaseList{ListMeta: metav1.ListMeta{ResourceVersion: "7"}, Items: f.list}, nil
}

func (f *fakeLeases) Watch(context.Context, metav1.ListOptions) (apiwatch.Interface, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stream = apiwatch.NewFake()
	f.streams <- struct{}{}
	return f.stream, nil
}

// TestKubernetesWatchSurvivesTheAPIServer stops the API server. Changes meanwhile arrive late with a mark, and the
// absence is an event, too.
func TestKubernetesWatchSurvivesTheAPIServer(t *testing.T) {
	line := &timeline.Timeline{}
	ctx, cancel := context.WithCancel(t.Context())
	w := &Watch{sink: line, ended: ctx, waiting: map[string]chan struct{}{}}
	f := &fakeLeases{list: []coordinationv1.Lease{*lease("worker")}, streams: make(chan struct{}, 4)}
	watchKind(w, "leases", f, kubeTeller.lease)
	defer w.sources.Wait()
	defer cancel()
	if err := w.awaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	limited, done := context.WithTimeout(t.Context(), 5*time.Second)
	defer done()
	await := func(f timeline.Filter) {
		t.Helper()
		if _, err := line.Await(limited, f); err != nil {
			t.Fatal(err)
		}
	}
	<-f.streams
	if line.Len() != 0 {
		t.Errorf("what was there is told: %+v", line.Events())
	}
	f.stream.Modify(lease("worker2"))
	await(timeline.Filter{Kinds: []string{"lease-taken"}, Fields: map[string]string{"to": "worker2"}})
	f.mu.Lock()
	f.away = true
	f.mu.Unlock()
	f.stream.Stop()
	await(timeline.Filter{Lanes: []timeline.Lane{timeline.LaneAgent}, Kinds: []string{"source-missing"}})
	f.mu.Lock()
	f.away, f.list = false, nil
	f.mu.Unlock()
	await(timeline.Filter{Lanes: []timeline.Lane{timeline.LaneAgent}, Kinds: []string{"source-back"}})
	await(timeline.Filter{Kinds: []string{"lease-deleted"}, Fields: map[string]string{"seen": "relist"}})
}
