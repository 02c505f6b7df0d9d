package watch

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"skidpad.dev/skidpad/lab/timeline"
)

// teller reports the changes between two states of a Kubernetes object; nil is a missing object. teller ignores changes
// without an effect on packets: the renewal of a lease, a heartbeat.
type teller struct {
	node func(kubernetes string) string // the scenario's name
}

// lease reports the holder of a Lease.
func (t teller) lease(before, after *coordinationv1.Lease) []timeline.Event {
	o := cmp.Or(after, before)
	if o.Namespace == corev1.NamespaceNodeLease { // a node's heartbeat; the node's condition has the important changes
		return nil
	}
	from, to := t.holder(before), t.holder(after)
	kind, text := "", ""
	switch {
	case after == nil:
		kind, text = "lease-deleted", "deleted"
		if from != "" {
			text += ", held by " + from
		}
	case from == to:
		return nil
	case to == "":
		kind, text = "lease-released", "released by "+from
	case from == "":
		kind, text = "lease-taken", "taken by "+to
	default:
		kind, text = "lease-taken", "taken by "+to+", was held by "+from
	}
	fields := with(nil, "from", from, "to", to)
	if before != nil && before.Spec.RenewTime != nil {
		fields["lastRenewed"] = before.Spec.RenewTime.UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	if d := o.Spec.LeaseDurationSeconds; d != nil {
		fields["duration"] = fmt.Sprintf("%ds", *d)
	}
	return []timeline.Event{timeline.New(timeline.LaneLease, o.Namespace+"/"+o.Name, kind, text, fields)}
}

func (t teller) holder(l *coordinationv1.Lease) string {
	if l == nil || l.Spec.HolderIdentity == nil {
		return ""
	}
	return t.node(*l.Spec.HolderIdentity)
}

// endpoints reports changes of the addresses behind a Service.
func (t teller) endpoints(before, after *discoveryv1.EndpointSlice) []timeline.Event {
	o := cmp.Or(after, before)
	subject := o.Namespace + "/" + cmp.Or(o.Labels[discoveryv1.LabelServiceName], o.Name)
	was, is := t.slice(before), t.slice(after)
	var events []timeline.Event
	for _, address := range slices.Sorted(maps.Keys(merged(was, is))) {
		old, had := was[address]
		now, has := is[address]
		kind, text := "", ""
		switch {
		case had && !has:
			kind, text = "endpoint-removed", fmt.Sprintf("%s %s, was %s", address, old.where(), old.state)
		case !had:
			kind, text = "endpoint-added", fmt.Sprintf("%s %s, %s", address, now.where(), now.state)
		case old.state != now.state:
			kind, text = "endpoint-"+strings.ReplaceAll(now.state, " ", "-"), fmt.Sprintf("%s %s is %s, was %s", address, now.where(), now.state, old.state)
		default:
			continue
		}
		e := cmp.Or(now, old)
		events = append(events, timeline.New(timeline.LaneEndpoints, subject, kind, text,
			with(map[string]string{"address": address, "state": now.state}, "pod", e.pod, "node", e.node, "slice", o.Name)))
	}
	return events
}

// endpoint is one address of a slice. state is ready, not ready, serving while terminating, or terminating.
type endpoint struct{ pod, node, state string }

func (e endpoint) where() string {
	return fmt.Sprintf("(%s on %s)", cmp.Or(e.pod, "no pod"), cmp.Or(e.node, "no node"))
}

func (t teller) slice(s *discoveryv1.EndpointSlice) map[string]endpoint {
	all := map[string]endpoint{}
	if s == nil {
		return all
	}
	for _, e := range s.Endpoints {
		point := endpoint{state: "not ready"}
		// The API's reference: a nil Ready means unknown, and counts as ready.
		switch c := e.Conditions; {
		case c.Terminating != nil && *c.Terminating && c.Serving != nil && *c.Serving:
			point.state = "serving while terminating"
		case c.Terminating != nil && *c.Terminating:
			point.state = "terminating"
		case c.Ready == nil || *c.Ready:
			point.state = "ready"
		}
		if e.TargetRef != nil {
			point.pod = e.TargetRef.Name
		}
		if e.NodeName != nil {
			point.node = t.node(*e.NodeName)
		}
		for _, a := range e.Addresses {
			all[a] = point
		}
	}
	return all
}

func merged[V any](a, b map[string]V) map[string]V {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// service reports changes of a Service's addresses and traffic policies.
func (t teller) service(before, after *corev1.Service) []timeline.Event {
	o := cmp.Or(after, before)
	subject := o.Namespace + "/" + o.Name
	event := func(kind, text string, fields ...string) timeline.Event {
		return timeline.New(timeline.LaneEndpoints, subject, kind, text, with(nil, fields...))
	}
	switch {
	case before == nil:
		return []timeline.Event{event("service-created", fmt.Sprintf("%s with %s", o.Spec.Type, cmp.Or(serviceAddresses(o), "no address")), "addresses", serviceAddresses(o))}
	case after == nil:
		return []timeline.Event{event("service-deleted", "deleted", "addresses", serviceAddresses(o))}
	}
	var events []timeline.Event
	if was, is := serviceAddresses(before), serviceAddresses(after); was != is {
		events = append(events, event("service-addresses", cmp.Or(is, "none")+", was "+cmp.Or(was, "none"), "addresses", is, "was", was))
	}
	if was, is := policies(before), policies(after); was != is {
		events = append(events, event("service-policy", is+", was "+was, "policy", is, "was", was))
	}
	return events
}

func serviceAddresses(s *corev1.Service) string {
	all := slices.Concat(s.Spec.ClusterIPs, s.Spec.ExternalIPs)
	for _, in := range s.Status.LoadBalancer.Ingress {
		all = append(all, cmp.Or(in.IP, in.Hostname))
	}
	return strings.Join(all, " ")
}

func policies(s *corev1.Service) string {
	text := "externalTrafficPolicy " + cmp.Or(string(s.Spec.ExternalTrafficPolicy), "none")
	if s.Spec.InternalTrafficPolicy != nil {
		text += ", internalTrafficPolicy " + string(*s.Spec.InternalTrafficPolicy)
	}
	return text
}

// nodeObject reports changes of a Node's readiness, and whether the Node accepts pods.
func (t teller) nodeObject(before, after *corev1.Node) []timeline.Event {
	o := cmp.Or(after, before)
	event := func(kind, text string) timeline.Event {
		return timeline.New(timeline.LaneNode, t.node(o.Name), kind, text, nil)
	}
	switch {
	case before == nil:
		return []timeline.Event{event("node-created", "joined the cluster, "+nodeReady(after))}
	case after == nil:
		return []timeline.Event{event("node-deleted", "left the cluster")}
	}
	var events []timeline.Event
	if was, is := nodeReady(before), nodeReady(after); was != is {
		events = append(events, event("node-"+strings.ReplaceAll(is, " ", "-"), "Kubernetes says it is "+is+", was "+was))
	}
	if was, is := before.Spec.Unschedulable, after.Spec.Unschedulable; was != is {
		if is {
			events = append(events, event("node-cordoned", "takes no new pods"))
		} else {
			events = append(events, event("node-uncordoned", "takes pods again"))
		}
	}
	return events
}

func nodeReady(n *corev1.Node) string {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			switch c.Status {
			case corev1.ConditionTrue:
				return "ready"
			case corev1.ConditionFalse:
				return "not ready"
			}
		}
	}
	return "unknown" // the heartbeat is overdue
}
