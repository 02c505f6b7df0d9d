package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// Wait is a condition on all objects of a kind.
type Wait struct {
	What      string // the awaited condition, for errors: "DaemonSet kube-system/cilium: ready on 3 nodes"
	Resource  schema.GroupVersionResource
	Namespace string // empty: all, or none
	Labels    string // label selector
	Fields    string // field selector: metadata.name=cilium
	Within    time.Duration
	// Done judges the present objects and describes its observation.
	Done func(objects []*unstructured.Unstructured) (done bool, seen string)
	// Explain, if set, adds evidence to the error of a failed wait: the pods that are not ready, and the reasons.
	Explain func(context.Context) string
}

// TimeoutError reports a wait that ended without its condition.
type TimeoutError struct {
	What   string
	Within time.Duration // duration of the wait
	Seen   string        // the last observation
	Why    string        // evidence, possibly of several lines
	Err    error         // of the context
}

// Error returns the condition, the last observation and the evidence.
func (e *TimeoutError) Error() string {
	msg := fmt.Sprintf("%s: not after %s; last seen: %s", e.What, e.Within.Round(time.Millisecond), e.Seen)
	if e.Why != "" {
		msg += "\n" + e.Why
	}
	return msg
}

// Unwrap returns the context's error.
func (e *TimeoutError) Unwrap() error { return e.Err }

// WaitFor watches until w.Done. The error of a failed wait is a *TimeoutError.
func (k *Kube) WaitFor(ctx context.Context, w Wait) error {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, w.Within)
	defer cancel()
	informer := dynamicinformer.NewFilteredDynamicInformer(k.Dynamic, w.Resource, w.Namespace, 0, cache.Indexers{}, func(o *metav1.ListOptions) {
		o.LabelSelector, o.FieldSelector = w.Labels, w.Fields
	}).Informer()
	changed := make(chan struct{}, 1)
	mark := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	seen := "nothing: the API server did not answer"
	refused := make(chan error, 1)
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { mark() },
		UpdateFunc: func(_, _ any) { mark() },
		DeleteFunc: func(any) { mark() },
	}
	if _, err := informer.AddEventHandler(handler); err != nil {
		return fmt.Errorf("%s: %w", w.What, err)
	}
	// The reflector retries by itself; the error is kept in case no retry succeeds.
	err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		select {
		case refused <- err:
		default:
		}
	})
	if err != nil {
		return fmt.Errorf("%s: %w", w.What, err)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		informer.RunWithContext(ctx)
	}()
	defer func() { cancel(); <-stopped }()
	go func() {
		// An empty list raises no event, but may satisfy the condition.
		if cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			mark()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return w.failed(ctx, time.Since(start), seen)
		case err := <-refused:
			seen = err.Error()
		case <-changed:
			if !informer.HasSynced() {
				continue
			}
			var done bool
			if done, seen = w.Done(objects(informer.GetStore())); done {
				return nil
			}
		}
	}
}

// failed collects the evidence, with a few extra seconds of its own because ctx has ended.
func (w Wait) failed(ctx context.Context, after time.Duration, seen string) error {
	e := &TimeoutError{What: w.What, Within: after, Seen: seen, Err: ctx.Err()}
	if w.Explain != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		e.Why = w.Explain(ctx)
	}
	return e
}

func objects(store cache.Store) []*unstructured.Unstructured {
	var list []*unstructured.Unstructured
	for _, o := range store.List() {
		if u, ok := o.(*unstructured.Unstructured); ok {
			list = append(list, u)
		}
	}
	return list
}
