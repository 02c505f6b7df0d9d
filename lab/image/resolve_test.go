package image

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/plan"
)

// fakeEngine has images by name, and pulls the images in published.
type fakeEngine struct {
	mu        sync.Mutex
	images    map[string]build.Found
	published map[string]bool
	used      map[string]bool
	did       []string
	arch      string // empty is this machine's
}

func newFake(refs ...string) *fakeEngine {
	f := &fakeEngine{images: map[string]build.Found{}, published: map[string]bool{}}
	for _, r := range refs {
		f.images[r] = build.Found{ID: "id of " + r, Tags: []string{r}, Size: 1}
	}
	return f
}

func (f *fakeEngine) Find(_ context.Context, ref string) (build.Found, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	got, ok := f.images[ref]
	return got, ok, nil
}

func (f *fakeEngine) Arch(context.Context) (string, error) {
	return cmp.Or(f.arch, runtime.GOARCH), nil
}

func (f *fakeEngine) List(context.Context) ([]build.Found, error) {
	return slices.Collect(maps.Values(f.images)), nil
}

func (f *fakeEngine) Published(_ context.Context, ref string) error {
	if !f.published[ref] {
		return errors.New("no such host")
	}
	return nil
}

func (f *fakeEngine) Pull(_ context.Context, ref string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did = append(f.did, "pull "+ref)
	if !f.published[ref] {
		return errors.New("no such host")
	}
	f.images[ref] = build.Found{ID: "pulled " + ref, Tags: []string{ref}}
	return nil
}

func (f *fakeEngine) Tag(_ context.Context, ref, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.images[name] = f.images[ref]
	return nil
}

func (f *fakeEngine) Push(_ context.Context, ref string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.images[ref]; !ok {
		return errors.New("no such image")
	}
	f.published[ref] = true
	return nil
}

func (f *fakeEngine) Remove(_ context.Context, ref string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did = append(f.did, "remove "+ref)
	if f.used[ref] {
		return build.ErrInUse
	}
	delete(f.images, ref)
	return nil
}

func (f *fakeEngine) Load(_ context.Context, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

func (f *fakeEngine) Save(_ context.Context, refs []string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(strings.Join(refs, "\n"))), nil
}

func (f *fakeEngine) Workshops(context.Context) (map[string]build.Workshop, error) { return nil, nil }

func (f *fakeEngine) Workshop(context.Context, string, string, bool) (build.Workshop, error) {
	return nil, errors.New("no workshop in a test")
}

// store has the image thing, published as acme/thing and built by a recipe that fails with buildErr.
func (f *fakeEngine) store(t *testing.T, buildErr error) *Store {
	return &Store{engine: f, cache: t.TempDir(), entries: withAgent(), find: func(i plan.Image) (Entry, string, error) {
		e := Entry{
			Name:     i.Name,
			Upstream: func(v string) string { return "acme/" + i.Name + ":v" + v },
			Recipe: func(_ *build.Builder, v string) (build.Recipe, error) {
				return build.Recipe{Name: i.Name, Version: v, Key: build.Hash("test", i.Name, v),
					Make: func(_ context.Context, _ *build.Builder, r build.Recipe) error {
						f.mu.Lock()
						defer f.mu.Unlock()
						f.did = append(f.did, "build "+i.Name)
						if buildErr == nil {
							f.images[r.Ref()] = build.Found{ID: "built", Labels: r.Labels()}
						}
						return buildErr
					}}, nil
			},
		}
		if i.Name == "private" {
			e.Upstream = nil
		}
		return e, "1", nil
	}}
}

func builtRef(name string) string {
	return build.Recipe{Name: name, Version: "1", Key: build.Hash("test", name, "1")}.Ref()
}

func TestPolicy(t *testing.T) {
	const upstream = "acme/thing:v1"
	mine := builtRef("thing")
	broken := errors.New("no compiler")
	for _, c := range []struct {
		name      string
		image     string // default thing
		policy    Policy
		has       []string
		published bool
		buildErr  error
		ref       string
		did       string
		err       string
	}{
		{name: "auto uses what is there", policy: Auto, has: []string{upstream}, ref: upstream},
		{name: "auto uses what was built", policy: Auto, has: []string{mine}, ref: mine},
		{name: "auto pulls", policy: Auto, published: true, ref: upstream, did: "pull acme/thing:v1"},
		{name: "auto builds what cannot be pulled", policy: Auto, ref: mine, did: "pull acme/thing:v1, build thing"},
		{name: "auto says both reasons", policy: Auto, buildErr: broken, did: "pull acme/thing:v1, build thing",
			err: "image thing can be neither pulled nor built here (pulling: no such host; building: no compiler)"},
		{name: "pull ignores what was built", policy: Pull, has: []string{mine}, published: true, ref: upstream, did: "pull acme/thing:v1"},
		{name: "pull does not build", policy: Pull, did: "pull acme/thing:v1",
			err: "image thing cannot be pulled (no such host); use --images auto to build the image here"},
		{name: "pull builds what nobody publishes", image: "private", policy: Pull, ref: builtRef("private"), did: "build private"},
		{name: "build ignores what was pulled", policy: Build, has: []string{upstream}, ref: mine, did: "build thing"},
		{name: "build fails", policy: Build, buildErr: broken, did: "build thing", err: "image thing cannot be built here (no compiler)"},
		{name: "local uses what is there", policy: Local, has: []string{mine}, ref: mine},
		{name: "local does nothing", policy: Local, published: true,
			err: "image thing is not in the local engine, and policy local forbids pulling and building; use --images auto, or load the image with `skidpad images load`"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(c.has...)
			f.published[upstream] = c.published
			i := plan.Image{Name: c.image}
			if i.Name == "" {
				i.Name = "thing"
			}
			got, err := f.store(t, c.buildErr).Ensure(t.Context(), []plan.Image{i}, c.policy, nil)
			if did := strings.Join(f.did, ", "); did != c.did {
				t.Errorf("did %q, want %q", did, c.did)
			}
			var gone *UnavailableError
			switch {
			case c.err == "" && err != nil:
				t.Fatal(err)
			case c.err != "" && (err == nil || err.Error() != c.err || !errors.As(err, &gone)):
				t.Fatalf("error %v, want *UnavailableError: %s", err, c.err)
			case c.err == "" && got[i.Key()].Ref != c.ref:
				t.Errorf("ref %q, want %q", got[i.Key()].Ref, c.ref)
			}
		})
	}
}

func TestNoBuildForAnotherArchitecture(t *testing.T) {
	f := newFake()
	f.arch = "mips"
	_, err := f.store(t, nil).Ensure(t.Context(), []plan.Image{{Name: "thing"}}, Build, nil)
	if err == nil || !strings.Contains(err.Error(), "the engine's machine is mips") || len(f.images) > 0 {
		t.Errorf("seen %v and images %v", err, f.images)
	}
}

func TestEnsureMakesEachImageOnce(t *testing.T) {
	f := newFake()
	i := plan.Image{Name: "thing"}
	if _, err := f.store(t, nil).Ensure(t.Context(), []plan.Image{i, i, i}, Build, nil); err != nil {
		t.Fatal(err)
	}
	if len(f.did) != 1 {
		t.Errorf("did %v, want one build", f.did)
	}
}

func TestPreloadedIsFoundByItsParts(t *testing.T) {
	f := newFake()
	s := f.store(t, nil)
	i := plan.Image{Name: "thing", Preload: []plan.Image{{Name: "private"}}}
	_, err := s.Ensure(t.Context(), []plan.Image{i}, Auto, nil)
	if err == nil || !strings.Contains(err.Error(), "no workshop in a test") {
		t.Fatalf("error %v, want the fake engine's", err)
	}
	b, err := build.New(f, s.cache, nil)
	if err != nil {
		t.Fatal(err)
	}
	part := func(name string) build.Part {
		return build.Part{Ref: builtRef(name), Found: f.images[builtRef(name)]}
	}
	ref := b.Preloaded(part("thing"), "1", []build.Part{part("private")}).Ref()
	f.images[ref] = build.Found{ID: "lab"}
	got, err := s.Ensure(t.Context(), []plan.Image{i}, Local, nil)
	if err != nil || got["thing"].ID != "lab" {
		t.Errorf("got %+v, %v; want the image that holds both", got, err)
	}
}

// withAgent is the catalogue with the image of a member.
func withAgent() []Entry {
	return append(catalogue(), Published("agent", "", "1.19.5", "acme/agent:v", "a test has none"))
}

func TestFind(t *testing.T) {
	for _, c := range []struct{ name, version, want, upstream string }{
		{"node", "v1.36", "1.36.3", "kindest/node:v1.36.3"},
		{"node", "", "1.36.3", "kindest/node:v1.36.3"},
		{"node", "v1.35.2", "1.35.2", "kindest/node:v1.35.2"},
		{"agent", "", "1.19.5", "acme/agent:v1.19.5"},
		{"agent", "1.18.2", "1.18.2", "acme/agent:v1.18.2"},
		{"agent", "/src/agent", "/src/agent", ""},
		{"echo", "", "", ""},
	} {
		e, version, err := find(withAgent(), plan.Image{Name: c.name, Version: c.version})
		if err != nil {
			t.Fatal(err)
		}
		upstream := ""
		if e.Upstream != nil {
			upstream = e.Upstream(version)
		}
		if version != c.want || upstream != c.upstream {
			t.Errorf("%s %q: version %q, upstream %q; want %q, %q", c.name, c.version, version, upstream, c.want, c.upstream)
		}
	}
	if _, _, err := find(withAgent(), plan.Image{Name: "envoy"}); err == nil || !strings.Contains(err.Error(), "client, agent") {
		t.Errorf("unknown image: %v, want the names that there are", err)
	}
}

func TestListAndSave(t *testing.T) {
	f := newFake("acme/agent:v1.19.5", "busybox:1", "skidpad.local/echo:1-abc")
	echo := f.images["skidpad.local/echo:1-abc"]
	echo.Labels = map[string]string{build.LabelName: "echo", build.LabelPart + "go": "1.26"}
	f.images["skidpad.local/echo:1-abc"] = echo
	s := f.store(t, nil)
	list, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range list {
		got = append(got, r.Image.Key()+" "+r.Source)
	}
	if want := []string{"agent@1.19.5 pulled", "echo@1 built"}; !slices.Equal(got, want) {
		t.Errorf("list %v, want %v", got, want)
	}
	var out bytes.Buffer
	if err := s.Save(t.Context(), &out, append(list, list...)); err != nil {
		t.Fatal(err)
	}
	if want := "acme/agent:v1.19.5\nskidpad.local/echo:1-abc"; out.String() != want {
		t.Errorf("saved %q, want %q", out.String(), want)
	}
}
