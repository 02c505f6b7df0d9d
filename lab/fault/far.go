package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/timeline"
)

// The calls of an agent. A call of inject lasts as long as the fault.
const (
	callInject = "fault/inject"
	callClear  = "fault/clear"
	callList   = "fault/list"
	callClose  = "fault/close"
)

// far is an injector's way to the lab's agent; the zero value has none.
type far struct {
	agent   func(context.Context) (*agent.Client, error)
	beside  func(context.Context) (*agent.Client, error) // see agent.Beside
	session string
	mu      sync.Mutex
	last    *agent.Client
}

// client returns nil if this process makes faults itself.
func (f *far) client(ctx context.Context) (*agent.Client, error) {
	if f.agent == nil {
		return nil, nil
	}
	c, err := f.agent(ctx)
	if err != nil {
		return nil, fmt.Errorf("faults: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = c
	return c, nil
}

// other returns the lab's agent if this process makes faults itself and the lab has an agent.
func (f *far) other(ctx context.Context) (*agent.Client, error) {
	if f.beside == nil || f.used() != nil {
		return nil, nil
	}
	c, err := f.beside(ctx)
	if err != nil {
		return nil, fmt.Errorf("the faults of others: %w", err)
	}
	return c, nil
}

// used returns the agent of the last call, or nil.
func (f *far) used() *agent.Client {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// order is the request of all calls.
type order struct {
	Session string          `json:"session"`
	Persist bool            `json:"persist,omitempty"`
	ID      string          `json:"id,omitempty"`
	Record  json.RawMessage `json:"record,omitempty"` // for inject: only the fault
	// Kubeconfig is the lab's file for a cluster with a kubeconfig of the user's, which the agent's machine lacks.
	Kubeconfig []byte `json:"kubeconfig,omitempty"`
}

// told is a message of the agent.
type told struct {
	Record json.RawMessage   `json:"record,omitempty"`
	List   []json.RawMessage `json:"list,omitempty"`
	Events []timeline.Event  `json:"events,omitempty"`
	// Lacks and Kernel are the parts of a Skipped.
	Lacks  string `json:"lacks,omitempty"`
	Kernel string `json:"kernel,omitempty"`
	Done   bool   `json:"done,omitempty"` // the fault is cleared, or has undone itself
}

// add hands the events to the injector's sink, in this machine's time zone.
func (in *Injector) add(events []timeline.Event) {
	for _, e := range events {
		e.Wall = e.Wall.Local()
		in.sink.Add(e)
	}
}

// injectFar is Inject via the agent.
func (in *Injector) injectFar(ctx context.Context, c *agent.Client, f Fault) (*Active, error) {
	request, err := json.Marshal(record{Fault: Made{Fault: f}, Lab: in.plan.Lab})
	if err != nil {
		return nil, fmt.Errorf("lab bug: fault %s: %w", f, err)
	}
	o := order{Session: in.far.session, Persist: in.Persist, Record: request}
	if in.plan.Cluster.Exists() && in.plan.Scenario.Spec.Cluster.Kubeconfig != "" {
		if o.Kubeconfig, err = os.ReadFile(in.kubeconfig()); err != nil {
			return nil, fmt.Errorf("the lab's kubeconfig: %w", err)
		}
	}
	s, err := c.Call(context.WithoutCancel(ctx), callInject, o)
	if err != nil {
		return nil, err
	}
	// The agent undoes its unfinished work and then answers.
	finish := context.AfterFunc(ctx, s.Finish)
	var answer told
	err = s.Receive(&answer)
	in.add(answer.Events)
	if err == nil && answer.Lacks != "" {
		err = &Skipped{Fault: f, Needs: answer.Lacks, Err: errors.New(answer.Kernel)}
	}
	var r *record
	if err == nil {
		r, err = in.parseFar(answer.Record)
	}
	if err != nil {
		s.Abort(err)
		return nil, err
	}
	if !finish() { // too late for a withdrawal
		return nil, errors.Join(context.Cause(ctx), in.clearFar(context.WithoutCancel(ctx), c, r.ID))
	}
	a := &Active{record: *r, in: in, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		var last told
		if err := s.Receive(&last); err != nil && !errors.Is(err, io.EOF) {
			a.err = fmt.Errorf("fault %s: %w", f, err)
			return
		}
		in.add(last.Events)
		a.err = s.Drain()
	}()
	return a, nil
}

func (in *Injector) parseFar(data json.RawMessage) (*record, error) {
	r, err := in.store.parse(data)
	if err != nil {
		return nil, fmt.Errorf("lab bug: the agent's answer: %w", err)
	}
	r.Since = r.Since.Local()
	if !r.Until.IsZero() {
		r.Until = r.Until.Local()
	}
	return r, nil
}

func (in *Injector) clearFar(ctx context.Context, c *agent.Client, id string) error {
	var answer told
	err := c.Do(ctx, callClear, order{Session: in.far.session, ID: id}, &answer)
	in.add(answer.Events)
	return err
}

func (in *Injector) listFar(ctx context.Context, c *agent.Client) ([]*record, error) {
	var answer told
	if err := c.Do(ctx, callList, order{Session: in.far.session}, &answer); err != nil {
		return nil, err
	}
	var all []*record
	for _, data := range answer.List {
		r, err := in.parseFar(data)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func (in *Injector) closeFar(ctx context.Context, c *agent.Client) error {
	if c.Gone() {
		return nil // the agent's guard has undone all faults
	}
	var answer told
	err := c.Do(ctx, callClose, order{Session: in.far.session}, &answer)
	in.add(answer.Events)
	return err
}

// Handlers returns the agent's end of injectors in a lab. open returns a new injector of the lab. The second result undoes
// the faults still in force, except the faults that stay until Clear.
func Handlers(open func(timeline.Sink) (*Injector, error)) (handlers map[string]agent.Handler, end func(context.Context) error) {
	h := &sessions{open: open, all: map[string]*session{}}
	return map[string]agent.Handler{
		callInject: h.inject,
		callClear: h.answer(func(ctx context.Context, s *session, o order) (told, error) {
			a, err := s.own(o.ID).Find(ctx, o.ID)
			var missing *NotFoundError
			if errors.As(err, &missing) {
				return told{}, nil // cleared meanwhile
			}
			if err == nil {
				err = a.Clear(ctx)
			}
			return told{Events: s.take(o.ID)}, err
		}),
		callList: h.answer(func(_ context.Context, s *session, _ order) (told, error) {
			all, err := s.bound.store.list()
			var t told
			for _, r := range all {
				data, e := json.Marshal(r)
				t.List, err = append(t.List, data), errors.Join(err, e)
			}
			return t, err
		}),
		callClose: h.answer(func(ctx context.Context, s *session, o order) (told, error) {
			err := s.bound.Close(ctx)
			h.forget(o.Session)
			return told{Events: s.take("")}, err
		}),
	}, h.end
}

// sessions are the injectors of a client, by the client's names of the injectors.
type sessions struct {
	open func(timeline.Sink) (*Injector, error)
	mu   sync.Mutex
	all  map[string]*session
}

// session is the agent's side of a client's injector: bound makes the faults that end with the client, and persist makes the
// faults that stay.
type session struct {
	bound, persist *Injector
	mu             sync.Mutex
	events         []timeline.Event // not yet sent to the client
}

func (h *sessions) session(name string) (*session, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.all[name]; s != nil {
		return s, nil
	}
	s := &session{}
	sink := timeline.SinkFunc(func(e timeline.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.events = append(s.events, e)
	})
	var err error
	if s.bound, err = h.open(sink); err == nil {
		s.persist, err = h.open(sink)
	}
	if err != nil {
		return nil, err
	}
	s.persist.Persist = true
	h.all[name] = s
	return s, nil
}

// forget ends a session: a client may make one for each of many checks.
func (h *sessions) forget(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.all, name)
}

// own returns the injector of a fault, and either injector for a fault of another process.
func (s *session) own(id string) *Injector {
	if s.persist.own(id) != nil {
		return s.persist
	}
	return s.bound
}

// take removes and returns the events of a fault, or of all faults for "".
func (s *session) take(id string) (taken []timeline.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []timeline.Event
	for _, e := range s.events {
		if id == "" || e.Fields["id"] == id {
			taken = append(taken, e)
		} else {
			left = append(left, e)
		}
	}
	s.events = left
	return taken
}

// answer is the handler of a call with a single answer.
func (h *sessions) answer(do func(context.Context, *session, order) (told, error)) agent.Handler {
	return func(ctx context.Context, stream *agent.Stream) error {
		var o order
		if err := stream.Receive(&o); err != nil {
			return err
		}
		s, err := h.session(o.Session)
		if err != nil {
			return err
		}
		t, err := do(ctx, s, o)
		return errors.Join(err, stream.Send(t))
	}
}

// inject makes a fault, and stays until the fault is cleared.
func (h *sessions) inject(ctx context.Context, stream *agent.Stream) error {
	var o order
	if err := stream.Receive(&o); err != nil {
		return err
	}
	s, err := h.session(o.Session)
	if err != nil {
		return err
	}
	in := s.bound
	if o.Persist {
		in = s.persist
	}
	r, err := in.store.parse(o.Record)
	if err != nil {
		return fmt.Errorf("lab bug: the client's fault: %w", err)
	}
	if o.Kubeconfig != nil {
		if err := cluster.WritePrivate(in.kubeconfig(), o.Kubeconfig); err != nil {
			return err
		}
	}
	if r.Fault.Fault == nil {
		return fmt.Errorf("lab bug: the agent has no fault %q", r.Fault.kind)
	}
	open, cancel := stream.WhileOpen(ctx)
	defer cancel()
	a, err := in.Inject(open, r.Fault.Fault)
	var skipped *Skipped
	if errors.As(err, &skipped) {
		return stream.Send(told{Lacks: skipped.Needs, Kernel: skipped.Err.Error()})
	}
	if err != nil {
		return err
	}
	data, err := json.Marshal(a.record)
	if err != nil {
		return fmt.Errorf("lab bug: fault %s: %w", a.ID, err)
	}
	if err := stream.Send(told{Record: data, Events: s.take(a.ID)}); err != nil {
		return err
	}
	select {
	case <-a.done:
	case <-open.Done(): // end undoes the fault, unless the fault stays
		return nil
	}
	return errors.Join(a.err, stream.Send(told{Events: s.take(a.ID), Done: true}))
}

// end undoes the faults of all sessions of a client that is gone.
func (h *sessions) end(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, s := range h.all {
		errs = append(errs, s.bound.Close(ctx))
	}
	return errors.Join(errs...)
}
