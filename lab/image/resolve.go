package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/plan"
)

// Policy is the permitted sources of images.
type Policy string

// The policies.
const (
	// Auto uses an image of the engine, else pulls, else builds here.
	Auto Policy = "auto"
	// Pull uses the published image, pulled unless the engine has the image. Unpublished images are built all the same.
	Pull Policy = "pull"
	// Build uses images built here only.
	Build Policy = "build"
	// Local uses images of the engine, and nothing else.
	Local Policy = "local"
)

// ParsePolicy reads a policy; "" is Auto.
func ParsePolicy(s string) (Policy, error) {
	switch p := Policy(s); p {
	case "":
		return Auto, nil
	case Auto, Pull, Build, Local:
		return p, nil
	}
	return "", fmt.Errorf("image policy %q: want auto, pull, build or local", s)
}

// Resolved is an image in the engine.
type Resolved struct {
	Image  plan.Image        `json:"image"`
	Ref    string            `json:"ref"`    // the name in the engine
	ID     string            `json:"id"`     // the engine's
	Source string            `json:"source"` // pulled or built
	Size   int64             `json:"size"`   // bytes
	Parts  map[string]string `json:"parts,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// Event reports the progress of one image or artefact; see build.Event.
type Event = build.Event

// UnavailableError means that an image cannot be obtained under a policy, with the reasons.
type UnavailableError struct {
	Image  plan.Image
	Policy Policy
	Pull   error // reason why the image was not pulled
	Build  error // reason why the image was not built
	// Tried reports whether the image has a recipe here, and the recipe failed.
	Tried bool
}

// CannotBeHad reports whether no way leads to the image here, as opposed to a way that failed.
func (u *UnavailableError) CannotBeHad() bool { return !u.Tried }

// place is the beginning of a message about an image that the user names.
func (u *UnavailableError) place() string {
	if u.Image.At == "" {
		return ""
	}
	return u.Image.At + ": "
}

// remedy is the next step for an image that the user names.
func (u *UnavailableError) remedy() string {
	return fmt.Sprintf("make the image by `docker build -t %[1]s FOLDER`, or bring it by `docker pull %[1]s` or `docker load`", u.Image.Name)
}

// Error is one sentence.
func (u *UnavailableError) Error() string {
	if u.Image.Reference {
		if u.Pull == nil {
			return fmt.Sprintf("%simage %s is not in the engine, and policy %s forbids pulling; %s", u.place(), u.Image.Name, u.Policy, u.remedy())
		}
		return fmt.Sprintf("%simage %s is not in the engine and cannot be pulled (%v); %s", u.place(), u.Image.Name, u.Pull, u.remedy())
	}
	switch u.Policy {
	case Local:
		return fmt.Sprintf("image %s is not in the local engine, and policy local forbids pulling and building; "+
			"use --images auto, or load the image with `skidpad images load`", u.Image.Key())
	case Pull:
		return fmt.Sprintf("image %s cannot be pulled (%v); use --images auto to build the image here", u.Image.Key(), u.Pull)
	case Build:
		return fmt.Sprintf("image %s cannot be built here (%v)", u.Image.Key(), u.Build)
	}
	return fmt.Sprintf("image %s can be neither pulled nor built here (pulling: %v; building: %v)", u.Image.Key(), u.Pull, u.Build)
}

// Unwrap returns the reasons, so errors.Is finds build.ErrDiskFull and the like.
func (u *UnavailableError) Unwrap() []error {
	var all []error
	for _, err := range []error{u.Pull, u.Build} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// Store finds, pulls, builds, lists, saves and loads images.
type Store struct {
	engine build.Engine
	cache  string // "" is the user's cache folder
	// entries are the catalogue's.
	entries []Entry
	find    func(plan.Image) (Entry, string, error)
	// From is a folder of a registry with the images of Push, for example HOST/skidpad; empty for none. Images are pulled from
	// there before a build.
	From string
}

// New returns a store over an engine. more are the images of router software and addons.
func New(e *docker.Engine, more ...Entry) *Store {
	return newStore(build.Docker(e.Client), more)
}

func newStore(e build.Engine, more []Entry) *Store {
	all := append(catalogue(), more...)
	return &Store{engine: e, entries: all, find: func(i plan.Image) (Entry, string, error) { return find(all, i) }}
}

// Ensure makes sure that the engine has all images, several at a time, and returns the images by their Key, with the
// images inside node images. progress may be nil and is called from one goroutine at a time.
func (s *Store) Ensure(ctx context.Context, images []plan.Image, p Policy, progress func(Event)) (map[string]Resolved, error) {
	run, err := s.newRun(p, progress)
	if err != nil {
		return nil, err
	}
	following, stop := context.WithCancel(ctx)
	var follows sync.WaitGroup
	follows.Go(func() { run.progress.follow(following) })
	defer func() {
		stop()
		follows.Wait()
	}()
	var mu sync.Mutex
	all := map[string]Resolved{}
	group, gctx := errgroup.WithContext(ctx)
	wanted := slices.Clone(images)
	for _, i := range images {
		wanted = append(wanted, i.Preload...)
	}
	for _, i := range wanted {
		group.Go(func() error {
			r, err := run.ensure(gctx, i)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			all[i.Key()] = r
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return all, nil
}

// run is one Ensure.
type run struct {
	policy   Policy
	builder  *build.Builder
	report   func(Event)
	progress *progress
	find     func(plan.Image) (Entry, string, error)
	from     string // Store.From

	mu   sync.Mutex
	once map[string]func() (Resolved, error) // by image and preload: each is ensured once
}

func (s *Store) newRun(p Policy, report func(Event)) (*run, error) {
	if report == nil {
		report = func(Event) {}
	}
	events := &progress{to: report, begun: map[string]time.Time{}}
	b, err := build.New(s.engine, s.cache, events.take)
	if err != nil {
		return nil, err
	}
	b.From = s.From
	return &run{policy: p, builder: b, report: events.take, progress: events, find: s.find, from: s.From, once: map[string]func() (Resolved, error){}}, nil
}

// ensure makes sure of one image; a second caller for the same image waits for the first.
func (r *run) ensure(ctx context.Context, i plan.Image) (Resolved, error) {
	key := fmt.Sprintf("%+v", i)
	r.mu.Lock()
	f, ok := r.once[key]
	if !ok {
		f = sync.OnceValues(func() (Resolved, error) {
			if len(i.Preload) > 0 {
				return r.preloaded(ctx, i)
			}
			return r.plain(ctx, i)
		})
		r.once[key] = f
	}
	r.mu.Unlock()
	return f()
}

// plain makes sure of an image of the catalogue.
func (r *run) plain(ctx context.Context, i plan.Image) (Resolved, error) {
	e, version, err := r.find(i)
	if err != nil {
		return Resolved{}, err
	}
	start := time.Now()
	published := ""
	if e.Upstream != nil && (r.policy != Build || i.Reference) {
		published = e.Upstream(version)
	}
	recipe, buildErr := e.Recipe(r.builder, version)
	mine := ""
	if buildErr == nil && (r.policy != Pull || published == "") {
		mine = recipe.Ref()
	}
	for _, ref := range []string{published, mine} {
		if ref == mine && e.StandIn && published != "" && r.policy == Auto && r.builder.Engine.Pull(ctx, published) == nil {
			ref = published
		}
		if got, ok, err := r.has(ctx, i, ref); err != nil || ok {
			if ok {
				r.report(Event{What: i.Key(), Status: build.Present, Detail: ref, Elapsed: time.Since(start)})
			}
			return got, err
		}
	}
	return r.fetch(ctx, i, published, mine, recipe, buildErr)
}

// fetch obtains an image absent from the engine.
func (r *run) fetch(ctx context.Context, i plan.Image, published, mine string, recipe build.Recipe, buildErr error) (Resolved, error) {
	gone := &UnavailableError{Image: i, Policy: r.policy, Build: buildErr, Pull: errors.New("the image is not published")}
	if r.policy == Local || r.policy == Build && i.Reference {
		gone.Pull = nil
		return Resolved{}, gone
	}
	start := time.Now()
	r.report(Event{What: i.Key(), Status: build.Started})
	if published != "" {
		gone.Pull = r.builder.Engine.Pull(ctx, published)
		if gone.Pull == nil {
			r.report(Event{What: i.Key(), Status: build.Pulled, Detail: published, Elapsed: time.Since(start)})
			return r.must(ctx, i, published)
		}
	}
	if mine != "" {
		gone.Tried = true
		gone.Build = r.make(ctx, i, recipe)
		if gone.Build == nil {
			r.report(Event{What: i.Key(), Status: build.Built, Detail: mine, Elapsed: time.Since(start)})
			return r.must(ctx, i, mine)
		}
	}
	if ctx.Err() != nil {
		return Resolved{}, fmt.Errorf("image %s: interrupted: %w", i.Key(), ctx.Err())
	}
	r.report(Event{What: i.Key(), Status: build.Failed, Detail: gone.Error(), Elapsed: time.Since(start)})
	return Resolved{}, gone
}

// preloaded makes sure of a node image with other images unpacked inside.
func (r *run) preloaded(ctx context.Context, i plan.Image) (Resolved, error) {
	start := time.Now()
	parts := make([]build.Part, len(i.Preload)+1)
	group, gctx := errgroup.WithContext(ctx)
	for n, dep := range append([]plan.Image{{Name: i.Name, Version: i.Version}}, i.Preload...) {
		group.Go(func() error {
			got, err := r.ensure(gctx, dep)
			parts[n] = build.Part{Ref: got.Ref, Found: build.Found{ID: got.ID, Labels: got.Labels}}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Resolved{}, err
	}
	_, version, err := r.find(i)
	if err != nil {
		return Resolved{}, err
	}
	what := i.Key() + " with images"
	recipe := r.builder.Preloaded(parts[0], version, parts[1:])
	got, ok, err := r.has(ctx, i, recipe.Ref())
	if err != nil || ok {
		r.report(Event{What: what, Status: build.Present, Detail: recipe.Ref(), Elapsed: time.Since(start)})
		return got, err
	}
	if r.policy == Local {
		return Resolved{}, &UnavailableError{Image: i, Policy: r.policy}
	}
	start = time.Now()
	r.report(Event{What: what, Status: build.Started})
	if err := r.make(ctx, i, recipe); err != nil {
		err = &UnavailableError{Image: i, Policy: Build, Build: err, Tried: true}
		r.report(Event{What: what, Status: build.Failed, Detail: err.Error(), Elapsed: time.Since(start)})
		return Resolved{}, err
	}
	r.report(Event{What: what, Status: build.Built, Detail: recipe.Ref(), Elapsed: time.Since(start)})
	return r.must(ctx, i, recipe.Ref())
}

// make pulls the result of a recipe from the user's registry, or runs the recipe, unless another process did so
// meanwhile.
func (r *run) make(ctx context.Context, i plan.Image, recipe build.Recipe) error {
	if r.from != "" {
		other := renamed(recipe.Ref(), r.from)
		start, err := time.Now(), r.builder.Engine.Pull(ctx, other)
		if err == nil {
			err = errors.Join(r.builder.Engine.Tag(ctx, other, recipe.Ref()), r.builder.Engine.Remove(ctx, other))
			r.report(Event{What: i.Key(), Status: build.Pulled, Detail: other, Elapsed: time.Since(start)})
			return err
		}
		r.report(Event{What: i.Key(), Status: build.Started, Detail: err.Error() + "; the image is built", Elapsed: time.Since(start)})
	}
	return recipe.Run(ctx, r.builder, func() bool {
		_, ok, err := r.has(ctx, i, recipe.Ref())
		return err == nil && ok
	})
}

// has returns an image of the engine by name.
func (r *run) has(ctx context.Context, i plan.Image, ref string) (Resolved, bool, error) {
	if ref == "" {
		return Resolved{}, false, nil
	}
	f, ok, err := r.builder.Engine.Find(ctx, ref)
	if err != nil || !ok {
		return Resolved{}, false, err
	}
	return resolved(i, ref, f), true, nil
}

// must is has for an image that was just made.
func (r *run) must(ctx context.Context, i plan.Image, ref string) (Resolved, error) {
	got, ok, err := r.has(ctx, i, ref)
	if err == nil && !ok {
		err = fmt.Errorf("image %s: the engine loaded %s and does not have the image any more; another process may remove images", i.Key(), ref)
	}
	return got, err
}

// StandsInFor returns the published image that this image stands in for; empty for all but stand-ins.
func (r Resolved) StandsInFor() string { return r.Labels[build.LabelStandIn] }

func resolved(i plan.Image, ref string, f build.Found) Resolved {
	got := Resolved{Image: i, Ref: ref, ID: f.ID, Source: "pulled", Size: f.Size, Labels: f.Labels, Parts: map[string]string{}}
	if strings.HasPrefix(ref, build.Domain+"/") {
		got.Source = "built"
	}
	for label, value := range f.Labels {
		if part, ok := strings.CutPrefix(label, build.LabelPart); ok {
			got.Parts[part] = value
		}
	}
	return got
}
