// Package build makes images from Go modules and Debian packages, for machines that reach no
// registry. Everything made is an artefact keyed by a hash of its inputs and kept in a cache, so
// that nothing is built twice and an interrupted build goes on where it stopped.
package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// Domain is the name under which images built here stand, so that nobody takes them for upstream's.
const Domain = "skidpad.local"

// The labels of images built here.
const (
	LabelInputs = "dev.skidpad.image.inputs" // hash of everything that the image was made from
	LabelName   = "dev.skidpad.image.name"   // the catalogue's name
	LabelPart   = "dev.skidpad.part."        // + a part's name: its version
	// LabelStandIn names the published image that one built here only stands in for.
	LabelStandIn = "dev.skidpad.image.stand-in-for"

	// What the cluster's kubeadm must be told when a node image carries its own control plane.
	LabelKubeadmRepository = "dev.skidpad.kubeadm.repository"
	LabelKubeadmEtcdTag    = "dev.skidpad.kubeadm.etcd-tag"
	LabelKubeadmCoreDNSTag = "dev.skidpad.kubeadm.coredns-tag"
)

// Recipe says how one image is made. It is made cheaply, without building: Key is known at once.
type Recipe struct {
	Name    string // the catalogue's: node
	Version string // of its main part, without a leading v
	// Key is the hash of all inputs, in hex.
	Key string
	// Parts are the versions of what is in the image, where they are known before building.
	Parts map[string]string
	// Make builds the image and loads it into the engine under r.Ref().
	Make func(ctx context.Context, b *Builder, r Recipe) error
}

// Ref is the image's name in the engine: skidpad.local/<name>:<version>-<12 hex of the input hash>.
func (r Recipe) Ref() string {
	return fmt.Sprintf("%s/%s:%s-%s", Domain, r.Name, r.Version, r.Key[:12])
}

// Run makes the image, unless another process made it while this one waited for it: there tells so.
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
	return r.Make(ctx, b, r)
}

// Labels are what the image is labelled with, besides what its recipe adds.
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
	Status  Status        // where it stands
	Detail  string        // the image's reference, or why it failed
	Elapsed time.Duration // since it started; zero at the start
}

// Status is where an image or artefact stands.
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
	source string // the project's source tree; empty where there is none
	cache  string
	report func(Event)
	heavy  chan struct{} // holds one token for each heavy job that runs

	apt aptLock

	mu     sync.Mutex
	flight map[string]*flight
}

type flight struct {
	done chan struct{}
	path string
	err  error
}

// New returns a builder that reads recipes' data from the source tree at source and keeps artefacts
// in cache ("" is skidpad's folder in the user's cache folder). Two heavy jobs run at a time.
func New(e Engine, source, cache string, report func(Event)) (*Builder, error) {
	if cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("build cache: no folder for it: %w; set XDG_CACHE_HOME", err)
		}
		cache = filepath.Join(base, "skidpad")
	}
	if source != "" {
		abs, err := filepath.Abs(source)
		if err != nil {
			return nil, fmt.Errorf("source tree %s: %w", source, err)
		}
		source = abs
	}
	var one sync.Mutex
	return &Builder{
		Engine: e, source: source, cache: cache,
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

// ErrNoSource says that building needs the project's source tree, and there is none.
var ErrNoSource = errors.New("the project's source tree (tools/images) is needed to build images and was not found; " +
	"run skidpad in a clone of its repository")

// Source is the path of a file or folder in the source tree.
func (b *Builder) Source(elem ...string) (string, error) {
	if b.source == "" {
		return "", ErrNoSource
	}
	path := filepath.Join(append([]string{b.source}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w (%s is missing)", ErrNoSource, filepath.Join(elem...))
	}
	return path, nil
}

// Heavy runs fn while it holds one of the few places for jobs that keep a core busy. An fn must not
// ask for another place.
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

// HashFiles digests the contents of files of the source tree, in order.
func (b *Builder) HashFiles(paths ...string) (string, error) {
	var inputs []string
	for _, p := range paths {
		full, err := b.Source(p)
		if err != nil {
			return "", err
		}
		data, err := os.ReadFile(full)
		if err != nil {
			return "", fmt.Errorf("recipe input %s: %w", p, err)
		}
		inputs = append(inputs, p, string(data))
	}
	return Hash(inputs...), nil
}

// ModuleVersion reads the version of a module from a go.mod file of the source tree: "v1.36.3".
func (b *Builder) ModuleVersion(gomod, module string) (string, error) {
	full, err := b.Source(gomod)
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(full)
	if err != nil {
		return "", fmt.Errorf("recipe input %s: %w", gomod, err)
	}
	m := regexp.MustCompile(`(?m)^\s*(?:require\s+)?` + regexp.QuoteMeta(module) + `\s+(v\S+)`).FindSubmatch(data)
	if m == nil {
		return "", fmt.Errorf("%s: no version of module %s in it; `go get` it there", gomod, module)
	}
	return string(m[1]), nil
}
