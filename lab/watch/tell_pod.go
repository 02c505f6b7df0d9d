package watch

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"skidpad.dev/skidpad/lab/timeline"
)

// pod reports a Pod's life from creation to deletion, and the ends and starts of the Pod's containers.
func (t teller) pod(before, after *corev1.Pod) []timeline.Event {
	o := cmp.Or(after, before)
	event := func(kind, text string, fields ...string) timeline.Event {
		return timeline.New(timeline.LanePod, o.Namespace+"/"+o.Name, kind, text,
			with(nil, append(fields, "node", t.node(o.Spec.NodeName), "podIP", o.Status.PodIP)...))
	}
	if after == nil {
		return []timeline.Event{event("pod-deleted", "gone from "+cmp.Or(t.node(o.Spec.NodeName), "no node"))}
	}
	if before != nil && before.UID != after.UID { // another Pod with the same name, from a StatefulSet
		return append(t.pod(before, nil), t.pod(nil, after)...)
	}
	var events []timeline.Event
	if before == nil {
		before = &corev1.Pod{}
		events = append(events, event("pod-created", "made"))
	}
	if before.Spec.NodeName == "" && after.Spec.NodeName != "" {
		events = append(events, event("pod-scheduled", "to run on "+t.node(after.Spec.NodeName)))
	}
	if before.DeletionTimestamp == nil && after.DeletionTimestamp != nil {
		grace := int64(0)
		if g := after.DeletionGracePeriodSeconds; g != nil {
			grace = *g
		}
		events = append(events, event("pod-deleting", fmt.Sprintf("told to end within %d s", grace), "grace", fmt.Sprintf("%ds", grace)))
	}
	if before.Status.Phase != after.Status.Phase && after.Status.Phase == corev1.PodFailed {
		events = append(events, event("pod-failed", cmp.Or(after.Status.Reason, "failed")+" "+after.Status.Message))
	}
	events = append(events, t.containers(before, after, event)...)
	switch was, is := podReady(before), podReady(after); {
	case !was && is:
		events = append(events, event("pod-ready", "ready at "+after.Status.PodIP+" on "+t.node(after.Spec.NodeName)))
	case was && !is:
		events = append(events, event("pod-not-ready", "not ready any more"))
	}
	return events
}

// containers reports a pod's containers that ended or started. For a container that ran before the pod's first state,
// only the last end is known.
func (t teller) containers(before, after *corev1.Pod, event func(kind, text string, fields ...string) timeline.Event) []timeline.Event {
	old := make(map[string]corev1.ContainerStatus, len(before.Status.ContainerStatuses))
	for _, c := range before.Status.ContainerStatuses {
		old[c.Name] = c
	}
	var events []timeline.Event
	for _, c := range after.Status.ContainerStatuses {
		was := old[c.Name]
		ended := c.State.Terminated
		if ended == nil && c.RestartCount > was.RestartCount {
			ended = c.LastTerminationState.Terminated
		}
		if ended != nil && (was.State.Terminated == nil || was.State.Terminated.ContainerID != ended.ContainerID) &&
			(was.LastTerminationState.Terminated == nil || was.LastTerminationState.Terminated.ContainerID != ended.ContainerID) {
			events = append(events, event("container-ended", fmt.Sprintf("container %s ended%s (%s)", c.Name, exitText(fmt.Sprint(ended.ExitCode)), cmp.Or(ended.Reason, "no reason told")),
				"container", c.Name, "exitCode", fmt.Sprint(ended.ExitCode)))
		}
		if run := c.State.Running; run != nil && (was.State.Running == nil || !was.State.Running.StartedAt.Equal(&run.StartedAt)) {
			events = append(events, event("container-started", fmt.Sprintf("container %s runs, restarts: %d", c.Name, c.RestartCount), "container", c.Name))
		}
	}
	return events
}

func podReady(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
