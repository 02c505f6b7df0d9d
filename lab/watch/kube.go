//go:build linux

package watch

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/timeline"
)

// object has the methods of all Kubernetes objects.
type object interface {
	runtime.Object
	metav1.Object
}

// api is a kind of objects in client-go's form: *List and Watch of a typed client.
type api[L runtime.Object] interface {
	List(ctx context.Context, opts metav1.ListOptions) (L, error)
	Watch(ctx context.Context, opts metav1.ListOptions) (apiwatch.Interface, error)
}

// watchKubernetes watches the kinds of objects that explain the paths of packets.
func (w *Watch) watchKubernetes(kube *cluster.Kube) {
	core := kube.Client.CoreV1()
	t := teller{node: w.names.node}
	watchKind(w, "leases", kube.Client.CoordinationV1().Leases(""), t.lease)
	watchKind(w, "endpointslices", kube.Client.DiscoveryV1().EndpointSlices(""), t.endpoints)
	watchKind(w, "services", core.Services(""), t.service)
	watchKind(w, "pods", core.Pods(""), t.pod)
	watchKind(w, "nodes", core.Nodes(), t.nodeObject)
}

// objects are the last seen objects of a kind, and the function that reports changes. tell gets nil for a missing
// object, before or after.
type objects[O object] struct {
	tell func(before, after O) []timeline.Event
	all  map[string]O
}

// set stores an object and returns the changes.
func (s *objects[O]) set(o O) []timeline.Event {
	key := o.GetNamespace() + "/" + o.GetName()
	before := s.all[key] // nil for a new object
	s.all[key] = o
	return s.tell(before, o)
}

// remove forgets an object and returns the event of the deletion.
func (s *objects[O]) remove(o O) []timeline.Event {
	delete(s.all, o.GetNamespace()+"/"+o.GetName())
	var none O
	return s.tell(o, none)
}

// replace stores a list of all objects and returns the changes.
func (s *objects[O]) replace(list []O) []timeline.Event {
	var events []timeline.Event
	gone := map[string]O{}
	for k, o := range s.all {
		gone[k] = o
	}
	for _, o := range list {
		delete(gone, o.GetNamespace()+"/"+o.GetName())
		events = append(events, s.set(o)...)
	}
	for _, o := range gone {
		events = append(events, s.remove(o)...)
	}
	return events
}

// watchKind lists all objects, and then watches from the list's version on. The loss of the API server is an event. A
// new list finds the missed changes: these events have seen=relist, because the changes happened earlier.
func watchKind[O object, L runtime.Object](w *Watch, kind string, from api[L], tell func(before, after O) []timeline.Event) {
	w.source("kubernetes "+kind, func(ctx context.Context, ready func()) error {
		s := &objects[O]{tell: tell, all: map[string]O{}}
		first, broken := true, false
		for {
			version, events, err := listKind(ctx, from, s)
			if err == nil {
				switch {
				case first: // the first state is no event
				case broken:
					w.add(timeline.New(timeline.LaneAgent, "kubernetes "+kind, "source-back", "the API server answers again; what was missed is told now", nil))
					fallthrough
				default:
					w.add(marked(events, "seen", "relist")...)
				}
				first, broken = false, false
				ready()
				err = follow(ctx, w, from, s, version)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil && !broken && !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
				broken = true
				w.missing("kubernetes "+kind, fmt.Errorf("%w; trying again", err))
			}
			if !pause(ctx) {
				return ctx.Err()
			}
		}
	})
}

// listKind reads all objects and reports the changes since the last look.
func listKind[O object, L runtime.Object](ctx context.Context, from api[L], s *objects[O]) (version string, _ []timeline.Event, _ error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	list, err := from.List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", nil, fmt.Errorf("listing: %w", err)
	}
	accessor, err := meta.ListAccessor(list)
	if err != nil {
		return "", nil, fmt.Errorf("lab bug: %w", err)
	}
	var all []O
	err = meta.EachListItem(list, func(o runtime.Object) error {
		one, ok := o.(O)
		if !ok {
			return fmt.Errorf("lab bug: a %T is in the list", o)
		}
		all = append(all, one)
		return nil
	})
	if err != nil {
		return "", nil, err
	}
	return accessor.GetResourceVersion(), s.replace(all), nil
}

// follow watches from a version on, until the API server ends the watch. A nil error is the regular end, after some
// minutes.
func follow[O object, L runtime.Object](ctx context.Context, w *Watch, from api[L], s *objects[O], version string) error {
	stream, err := from.Watch(ctx, metav1.ListOptions{ResourceVersion: version, AllowWatchBookmarks: true})
	if err != nil {
		return fmt.Errorf("watching: %w", err)
	}
	defer stream.Stop()
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-stream.ResultChan():
			if !ok && time.Since(began) < time.Minute {
				return errors.New("watching: the API server closed the connection")
			}
			if !ok {
				return nil
			}
			switch e.Type {
			case apiwatch.Error:
				return fmt.Errorf("watching: %w", apierrors.FromObject(e.Object))
			case apiwatch.Added, apiwatch.Modified:
				if o, ok := e.Object.(O); ok {
					w.add(s.set(o)...)
				}
			case apiwatch.Deleted:
				if o, ok := e.Object.(O); ok {
					w.add(s.remove(o)...)
				}
			}
		}
	}
}
