package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// undoWithin bounds the undo of a fault after a failed injection, or when the maker has to end.
const undoWithin = 90 * time.Second

// Injector makes faults in one lab. Several goroutines may call the methods.
type Injector struct {
	engine *docker.Engine
	plan   *plan.Plan
	dir    string // the lab's
	store  store
	kube   func(context.Context) (*cluster.Kube, error)
	sink   timeline.Sink
	make   func(*record) (action, error) // the method action, except in tests
	far    far

	// Persist makes faults outlive this process: the faults stay until Clear. Flaps cannot persist.
	Persist bool

	mu     sync.Mutex
	guard  *guard
	active map[string]*Active // the faults of this process
}

// New returns an injector for the lab of a plan, without any I/O. dir is the lab's folder (lab.Dir); the records of faults
// are in the subfolder faults. kube opens the cluster's API, and may be nil for faults without a need of the API. sink gets
// an event after each injection and each undo, and may be nil.
func New(e *docker.Engine, p *plan.Plan, dir string, kube func(context.Context) (*cluster.Kube, error), sink timeline.Sink) *Injector {
	if sink == nil {
		sink = timeline.SinkFunc(func(timeline.Event) {})
	}
	var known []scenario.Member
	if p.Scenario != nil {
		known = p.Scenario.Kinds().Faults
	}
	in := &Injector{engine: e, plan: p, dir: dir, store: store{filepath.Join(dir, "faults"), known}, kube: kube, sink: sink, active: map[string]*Active{}}
	in.make = in.action
	if e != nil {
		in.far = far{
			session: in.store.newID(),
			agent:   func(ctx context.Context) (*agent.Client, error) { return agent.Of(ctx, e, p.Lab) },
			beside:  func(ctx context.Context) (*agent.Client, error) { return agent.Beside(ctx, e, p.Lab) },
		}
	}
	return in
}

// Inject makes a fault and returns when the fault is in force. Without Persist, the fault is undone at any end of this
// process. A fault with mistakes is an *Invalid; a fault that this host's kernel cannot make is a *Skipped. If Inject fails,
// or ctx ends before the fault is in force, Inject undoes the changes.
func (in *Injector) Inject(ctx context.Context, f Fault) (*Active, error) {
	f, err := in.read(f)
	if err != nil {
		return nil, err
	}
	if c, err := in.far.client(ctx); err != nil {
		return nil, err
	} else if c != nil {
		return in.injectFar(ctx, c, f)
	}
	ends, lasts := scenario.FaultOf(f).Lasts()
	if in.Persist && f.About().Driven {
		return nil, &Invalid{f.String(), []string{"seen a fault that outlives its process, want one that this process drives"}}
	}
	r := &record{ID: in.store.newID(), Lab: in.plan.Lab, State: Injecting, PID: agent.ClientPID()}
	r.Fault = Made{ID: r.ID, Fault: f}
	if !in.Persist {
		token, err := in.guarded(ctx)
		if err != nil {
			return nil, err
		}
		r.Maker = token
	}
	act, err := in.make(r)
	if err != nil {
		return nil, err
	}
	r.Hold = act.hold()
	release, err := in.store.lock(ctx, r.Hold)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := in.remember(ctx, act, r); err != nil {
		return nil, fmt.Errorf("fault %s: %w", f, err)
	}
	r.Began = timeline.Now()
	if err := act.apply(ctx, r.Saved); err != nil {
		return nil, errors.Join(named(f, err), in.withdraw(ctx, act, r))
	}
	r.Held = timeline.Now()
	in.note(r, "inject", fmt.Sprintf("%s in force", f), r.Began, r.Held)
	if !lasts {
		return &Active{record: *r, in: in, done: closed()}, in.store.remove(r.ID)
	}
	r.State = InForce
	if ends > 0 {
		r.Until = time.Now().Add(ends.Std())
	}
	if err := in.store.write(r); err != nil {
		return nil, errors.Join(err, in.withdraw(ctx, act, r))
	}
	return in.begin(r, act), nil
}

// read checks a fault like an entry in a scenario file of the lab. If the target is a container's name, read puts in the
// scenario's name.
func (in *Injector) read(f Fault) (Fault, error) {
	if in.plan.Scenario == nil {
		return nil, fmt.Errorf("lab %s has no scenario in its plan, so faults cannot be checked", in.plan.Lab)
	}
	given, err := fieldsOf(f)
	if err != nil {
		return nil, err
	}
	at, ok := find(in.plan, TargetOf(f))
	if at.beyond != "" && !f.About().API {
		return nil, &Invalid{f.String(), []string{at.beyond}}
	}
	if ok {
		given[NameOf(f)] = at.name
	}
	data, err := json.Marshal(given)
	if err != nil {
		return nil, err
	}
	read, problems := in.plan.Scenario.ReadFault(data)
	if len(problems) > 0 {
		invalid := &Invalid{Fault: f.String()}
		for _, p := range problems {
			invalid.Problems = append(invalid.Problems, strings.TrimPrefix(p.Path+": "+p.Message, ": "))
		}
		return nil, invalid
	}
	all := each(read.Fields.(Fault), in.plan)
	if len(all) > 1 {
		return nil, &Invalid{f.String(), []string{"seen a fault of several nodes, want a fault for each"}}
	}
	return all[0], nil
}

// fieldsOf returns the target and the set options, with the names and values of JSON.
func fieldsOf(f Fault) (map[string]any, error) {
	data, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	var given map[string]any
	if err := json.Unmarshal(data, &given); err != nil {
		return nil, err
	}
	for _, o := range Options(f) {
		if !o.Set() {
			delete(given, o.Name)
		}
	}
	return given, nil
}

// named adds the name of the failed fault to the error, unless the error has the name.
func named(f Fault, err error) error {
	var skipped *Skipped
	if errors.As(err, &skipped) {
		return err
	}
	return fmt.Errorf("fault %s: %w", f, err)
}

// remember writes the record, with the state of the hold before the first fault on the hold.
func (in *Injector) remember(ctx context.Context, act action, r *record) error {
	others, err := in.store.others(r.Hold, "")
	if err != nil {
		return err
	}
	if len(others) > 0 {
		r.Saved = others[0].Saved
	} else if r.Saved, err = act.look(ctx); err != nil {
		return err
	}
	r.Since = time.Now()
	return in.store.write(r)
}

// withdraw undoes a half-made fault.
func (in *Injector) withdraw(ctx context.Context, act action, r *record) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
	defer cancel()
	if err := in.putBack(ctx, act, r); err != nil {
		r.State, r.Error = Failed, err.Error()
		return errors.Join(err, in.store.write(r))
	}
	return in.store.remove(r.ID)
}

// putBack undoes a fault. If other faults have the same hold, putBack makes the latest of these faults again instead.
func (in *Injector) putBack(ctx context.Context, act action, r *record) error {
	r.State = Clearing
	if err := in.store.write(r); err != nil {
		return err
	}
	others, err := in.store.others(r.Hold, r.ID)
	if err != nil {
		return err
	}
	others = slices.DeleteFunc(others, func(o *record) bool { return o.State == Clearing })
	if len(others) == 0 {
		return ignoreGone(act.undo(ctx, r.Saved))
	}
	latest := others[len(others)-1]
	again, err := in.make(latest)
	if err != nil {
		return err
	}
	return ignoreGone(again.apply(ctx, latest.Saved))
}

func ignoreGone(err error) error {
	if errors.Is(err, errGone) {
		return nil
	}
	return err
}

// clear undoes the fault with an ID. A fault cleared meanwhile is no error.
func (in *Injector) clear(ctx context.Context, id string) error {
	if c, err := in.far.client(ctx); err != nil {
		return err
	} else if c != nil {
		return in.clearFar(ctx, c, id)
	}
	r, err := in.store.read(id)
	if errors.Is(err, os.ErrNotExist) {
		if c, err := in.far.other(ctx); c != nil || err != nil {
			return errors.Join(err, in.clearFar(ctx, c, id))
		}
		return nil
	}
	if err != nil {
		return err
	}
	release, err := in.store.lock(ctx, r.Hold)
	if err != nil {
		return err
	}
	defer release()
	if r, err = in.store.read(id); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	act, err := in.make(r)
	if err != nil {
		return err
	}
	began := timeline.Now()
	if err := in.putBack(ctx, act, r); err != nil {
		r.State, r.Error = Failed, err.Error()
		return errors.Join(fmt.Errorf("fault %s (%s): undoing it: %w; try `skidpad fault clear %s` again", r.ID, r.Fault, err, r.ID), in.store.write(r))
	}
	in.note(r, "clear", fmt.Sprintf("%s undone", r.Fault), began, timeline.Now())
	in.mu.Lock()
	delete(in.active, id)
	in.mu.Unlock()
	return in.store.remove(id)
}

// List returns the faults of the lab, of all processes, the oldest first. If the journal of the lab's agent cannot be read,
// the error says so, and the result has the faults of this machine's journal.
func (in *Injector) List(ctx context.Context) ([]Active, error) {
	records, err := in.records(ctx)
	if err == nil {
		var c *agent.Client
		if c, err = in.far.other(ctx); c != nil {
			var others []*record
			others, err = in.listFar(ctx, c)
			records = slices.SortedStableFunc(slices.Values(append(records, others...)), bySince)
		}
	}
	list := make([]Active, 0, len(records))
	for _, r := range records {
		list = append(list, Active{record: *r, in: in})
	}
	return list, err
}

// records returns the records of the journal to which this injector writes.
func (in *Injector) records(ctx context.Context) ([]*record, error) {
	if c, err := in.far.client(ctx); err != nil {
		return nil, err
	} else if c != nil {
		return in.listFar(ctx, c)
	}
	return in.store.list()
}

// Find returns the fault with an ID; a *NotFoundError if no fault has the ID.
func (in *Injector) Find(ctx context.Context, id string) (*Active, error) {
	list, err := in.List(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(a Active) bool { return a.ID == id })
	if i < 0 {
		return nil, &NotFoundError{in.plan.Lab, id}
	}
	return &list[i], nil
}

// ClearAll undoes every fault of the lab, of all processes, and returns the undone faults. After a failed undo, ClearAll goes
// on with the rest.
func (in *Injector) ClearAll(ctx context.Context) ([]Active, error) {
	list, err := in.List(ctx)
	cleared, failed := in.clearList(ctx, list)
	return cleared, errors.Join(err, failed)
}

// clearOf undoes the faults of a maker.
func (in *Injector) clearOf(ctx context.Context, maker string) error {
	records, err := in.records(ctx)
	if err != nil {
		return err
	}
	var list []Active
	for _, r := range records {
		if r.Maker == maker {
			list = append(list, Active{record: *r, in: in})
		}
	}
	_, err = in.clearList(ctx, list)
	return err
}

// clearList undoes faults: faults of containers first, because an undo inside a container needs a running container.
func (in *Injector) clearList(ctx context.Context, list []Active) ([]Active, error) {
	failed := make([]error, len(list))
	for _, runs := range []bool{true, false} {
		var group sync.WaitGroup
		for i := range list {
			if list[i].Fault.about().Whole == runs {
				group.Go(func() { failed[i] = list[i].Clear(ctx) })
			}
		}
		group.Wait()
	}
	cleared := make([]Active, 0, len(list))
	for i, a := range list {
		if failed[i] == nil {
			cleared = append(cleared, a)
		}
	}
	return cleared, errors.Join(failed...)
}

// note adds an event to the timeline, and to the journal for the timelines of other processes.
func (in *Injector) note(r *record, kind, text string, began, ended int64) {
	fields := map[string]string{"id": r.ID, "kind": r.Fault.Kind(), "node": r.Fault.Node()}
	for _, o := range Options(r.Fault.Fault) {
		if o.Set() {
			fields[o.Name] = fmt.Sprint(o.Value)
		}
	}
	e := timeline.Event{
		At: began, Wall: time.Now().Add(-time.Duration(timeline.Now() - began)), Lane: timeline.LaneFault,
		Subject: r.Fault.Node(), Kind: kind, Text: text, Until: ended, Fields: fields,
	}
	if err := in.store.tell(e); err != nil {
		fields["journal"] = err.Error() // the fault itself has no error
	}
	in.sink.Add(e)
}

// MarshalJSON writes the record of the fault.
func (a Active) MarshalJSON() ([]byte, error) { return json.Marshal(a.record) }
