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

// object is what all Kubernetes objects are.
type object interface {
	runtime.Object
	metav1.Object
}

// api is a kind of objects as client-go has it: *List and Watch of a typed client.
type api[L runtime.Object] interface {
	List(ctx context.Context, opts metav1.ListOptions) (L, error)
	Watch(ctx context.Context, opts metav1.ListOptions) (apiwatch.Interface, error)
}

// watchKubernetes listens to the kinds of objects that explain where packets go.
func (w *Watch) watchKubernetes(kube *cluster.Kube) {
	core := kube.Client.CoreV1()
	t := teller{node: w.names.node}
	watchKind(w, "leases", kube.Client.CoordinationV1().Leases(""), t.lease)
	watchKind(w, "endpointslices", kube.Client.DiscoveryV1().EndpointSlices(""), t.endpoints)
	watchKind(w, "services", core.Services(""), t.service)
	watchKind(w, "pods", core.Pods(""), t.pod)
	watchKind(w, "nodes", core.Nodes(), t.nodeObject)
}

// objects are those of one kind, as they were last seen, and how their changes are told. tell gets nil for one that is
// not there yet, or no longer.
type objects[O object] struct {
	tell func(before, after O) []timeline.Event
	all  map[string]O
}

// set takes an object and tells what changed.
func (s *objects[O]) set(o O) []timeline.Event {
	key := o.GetNamespace() + "/" + o.GetName()
	before := s.all[key] // nil where there is none
	s.all[key] = o
	return s.tell(before, o)
}

// remove forgets an object and tells that it is gone.
func (s *objects[O]) remove(o O) []timeline.Event {
	delete(s.all, o.GetNamespace()+"/"+o.GetName())
	var none O
	return s.tell(o, none)
}

// replace takes a list of all objects and tells what changed.
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

// watchKind lists all objects, and then watches them from there. When the API server goes away, that is an event, and
// what was missed is found by listing again: those events say seen=relist, since they happened earlier.
func watchKind[O object, L runtime.Object](w *Watch, kind string, from api[L], tell func(before, after O) []timeline.Event) {
	w.source("kubernetes "+kind, func(ctx context.Context, ready func()) error {
		s := &objects[O]{tell: tell, all: map[string]O{}}
		first, broken := true, false
		for {
			version, events, err := listKind(ctx, from, s)
			if err == nil {
				switch {
				case first: // what was there before is no news
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

// listKind reads all objects and tells what changed since they were last seen.
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

// follow watches from a version on, until the API server ends it: nil is its regular end, after some minutes.
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
