// Package build makes images from Go modules and Debian packages, for machines without a registry. Every artefact is
// keyed by a hash of its inputs and kept in a cache, so nothing is built twice and an interrupted build continues.
package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"time"

	"skidpad.dev/skidpad/lab/source"
)

// Domain is the registry part of the names of images built here, different from every upstream name.
const Domain = "skidpad.local"

// The labels of images built here.
const (
	LabelInputs = "dev.skidpad.image.inputs" // hash of all inputs of the image
	LabelName   = "dev.skidpad.image.name"   // the catalogue's name
	LabelPart   = "dev.skidpad.part."        // + a part's name: its version
	// LabelStandIn names the published image that an image built here stands in for.
	LabelStandIn = "dev.skidpad.image.stand-in-for"

	// The settings of the cluster's kubeadm for a node image with its own control plane.
	LabelKubeadmRepository = "dev.skidpad.kubeadm.repository"
	LabelKubeadmEtcdTag    = "dev.skidpad.kubeadm.etcd-tag"
	LabelKubeadmCoreDNSTag = "dev.skidpad.kubeadm.coredns-tag"
)

// Recipe describes how to make an image. A Recipe is cheap: Key is known without a build.
type Recipe struct {
	Name    string // the catalogue's: node
	Version string // of the main part, without a leading v
	// Key is the hash of all inputs, in hex.
	Key string
	// Parts are the versions of the image's parts, as far as known before the build.
	Parts map[string]string
	// Make builds the image and loads it into the engine under r.Ref().
	Make func(ctx context.Context, b *Builder, r Recipe) error
}

// Ref is the image's name in the engine: skidpad.local/<name>:<version>-<12 hex of the input hash>.
func (r Recipe) Ref() string {
	return fmt.Sprintf("%s/%s:%s-%s", Domain, r.Name, r.Version, r.Key[:12])
}

// Run makes the image, unless another process made the image while Run waited for the lock: there reports this.
func (r Recipe) Run(ctx context.Context, b *Builder, there func() bool) error {
	dir := filepath.Join(b.cache, "images")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("build cache: %w; free the disk or set XDG_CACHE_HOME", err)
	}
	unlock, err := lock(ctx, filepath.Join(dir, r.Name+"-"+r.Key[:12]+".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if there() {
		return nil
	}
	switch arch, err := b.Engine.Arch(ctx); {
	case err != nil:
		return err
	case arch != runtime.GOARCH:
		return fmt.Errorf("this program builds images for %s, and the engine's machine is %s; use a skidpad for %s, or bring images with `skidpad images load`",
			runtime.GOARCH, arch, arch)
	}
	return r.Make(ctx, b, r)
}

// Labels returns the image's labels, without labels added by the recipe.
func (r Recipe) Labels() map[string]string {
	labels := map[string]string{LabelInputs: r.Key, LabelName: r.Name}
	for part, version := range r.Parts {
		labels[LabelPart+part] = version
	}
	return labels
}

// Event reports the progress of one image or artefact.
type Event struct {
	What    string        // node, or an artefact: kubernetes programs
	Status  Status        // progress
	Detail  string        // the image's reference, or the reason for a failure
	Elapsed time.Duration // since it started; zero at the start
}

// Status is the progress of an image or artefact.
type Status string

// The states of an event.
const (
	Started Status = "started"
	Present Status = "present" // the engine or the cache had it
	Pulled  Status = "pulled"
	Built   Status = "built"
	Failed  Status = "failed"
)

// Builder builds artefacts and images. It is safe for concurrent use.
type Builder struct {
	Engine Engine
	// From is a folder of the user's registry that may have Base, HOST/FOLDER; empty for none.
	From   string
	source source.Files
	cache  string
	report func(Event)
	heavy  chan struct{} // holds one token for each running heavy job

	apt aptLock

	mu     sync.Mutex
	flight map[string]*flight
}

type flight struct {
	done chan struct{}
	path string
	err  error
}

// New returns a builder. The builder reads pins and programs from the embedded sources, and keeps artefacts in cache
// ("" is skidpad's folder in the user's cache folder). At most two heavy jobs run at a time.
func New(e Engine, cache string, report func(Event)) (*Builder, error) {
	if cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("build cache: no cache folder: %w; set XDG_CACHE_HOME", err)
		}
		cache = filepath.Join(base, "skidpad")
	}
	var one sync.Mutex
	return &Builder{
		Engine: e, source: source.All(), cache: cache,
		report: func(ev Event) {
			one.Lock()
			defer one.Unlock()
			if report != nil {
				report(ev)
			}
		},
		heavy: make(chan struct{}, 2), flight: map[string]*flight{},
	}, nil
}

// Source returns the path of a folder of the sources, written into the cache.
func (b *Builder) Source(ctx context.Context, folder string) (string, error) {
	key, err := b.HashFiles(slices.Sorted(maps.Keys(b.source))...)
	if err != nil {
		return "", err
	}
	root, err := b.Artefact(ctx, "sources", key, func(_ context.Context, dir string) error { return b.source.Write(dir) })
	return filepath.Join(root, folder), err
}

// Heavy runs fn while holding a place for jobs that keep a core busy. fn must not ask for another place.
func (b *Builder) Heavy(ctx context.Context, fn func() error) error {
	select {
	case b.heavy <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-b.heavy }()
	return fn()
}

// Hash digests strings in order; the boundaries between them count.
func Hash(inputs ...string) string {
	h := sha256.New()
	for _, s := range inputs {
		_, _ = fmt.Fprintf(h, "%d:%s\n", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// HashFiles digests the contents of files of the sources, in order.
func (b *Builder) HashFiles(paths ...string) (string, error) {
	var inputs []string
	for _, p := range paths {
		data, err := b.source.Read(p)
		if err != nil {
			return "", err
		}
		inputs = append(inputs, p, string(data))
	}
	return Hash(inputs...), nil
}

// ModuleVersion reads the version of a module from a go.mod file of the sources: "v1.36.3".
func (b *Builder) ModuleVersion(gomod, module string) (string, error) {
	data, err := b.source.Read(gomod)
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`(?m)^\s*(?:require\s+)?` + regexp.QuoteMeta(module) + `\s+(v\S+)`).FindSubmatch(data)
	if m == nil {
		return "", fmt.Errorf("%s: no version of module %s in the file; run `go get` in its folder", gomod, module)
	}
	return string(m[1]), nil
}
