package build

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// static describes an image of static programs from a module that is pinned in tools/images.
type static struct {
	pin    string // the folder of the pin: tools/images/metallb
	module string // go.universe.tf/metallb
	// packages are all programs of the pin, by file name, and programs are the image's. The image starts the first.
	packages map[string]string
	programs []string
	// files are files at the image's root, by their path in the module.
	files []string
	// links are further names of programs: /bin/cp of cp-tool.
	links map[string]string
	// temporary adds the folder /tmp.
	temporary bool
}

// recipe returns the recipe of the image. The image has the pinned version alone.
func (s static) recipe(b *Builder, name, version string) (Recipe, error) {
	pinned, err := b.ModuleVersion(filepath.Join(s.pin, "go.mod"), s.module)
	if err != nil {
		return Recipe{}, err
	}
	pinned = strings.TrimPrefix(pinned, "v")
	if version != "" && version != pinned {
		return Recipe{}, fmt.Errorf("%s pins %s; pin %s there to build the image", s.pin, pinned, version)
	}
	programs := Programs{Module: s.pin, Packages: s.packages}
	key, err := programs.Key(b)
	if err != nil {
		return Recipe{}, err
	}
	config := v1.Config{Env: []string{searchPath}, Entrypoint: []string{"/" + s.programs[0]}}
	part := path.Base(s.module)
	inputs := []string{part + " 1", name, key, fmt.Sprintf("%+v", config)}
	if s.links != nil {
		inputs = append(inputs, fmt.Sprint(s.links))
	}
	return Recipe{
		Name: name, Version: pinned, Parts: map[string]string{part: pinned}, Key: Hash(inputs...),
		Make: func(ctx context.Context, b *Builder, r Recipe) error { return s.make(ctx, b, programs, config, r) },
	}, nil
}

func (s static) make(ctx context.Context, b *Builder, programs Programs, config v1.Config, r Recipe) error {
	if err := b.need(ctx, toolGo()); err != nil {
		return err
	}
	folder, err := b.Programs(ctx, programs)
	if err != nil {
		return err
	}
	config.Labels = r.Labels()
	var entries []Entry
	if s.temporary {
		entries = append(entries, Entry{Path: "/tmp", Mode: 0o777, Dir: true})
	}
	for _, p := range s.programs {
		entries = append(entries, Entry{Path: "/" + p, Mode: 0o755, From: filepath.Join(folder, p)})
	}
	for name, program := range s.links {
		entries = append(entries, Entry{Path: name, Link: "/" + program})
	}
	for _, f := range s.files {
		source, err := b.ModuleDir(ctx, s.pin, s.module)
		if err != nil {
			return err
		}
		entries = append(entries, Entry{Path: "/" + path.Base(f), Mode: 0o755, From: filepath.Join(source, f)})
	}
	return b.loadLayers(ctx, r, config, entries)
}

// MetalLB is an image of MetalLB: the controller, or the speaker together with FRR's reloader.
func (b *Builder) MetalLB(name, version string) (Recipe, error) {
	s := static{pin: "tools/images/metallb", module: "go.universe.tf/metallb"}
	s.packages = map[string]string{
		"controller": s.module + "/controller", "speaker": s.module + "/speaker", "cp-tool": s.module + "/frr-tools/cp-tool",
	}
	if name == "metallb-controller" {
		s.programs, s.temporary = []string{"controller"}, true
	} else {
		s.programs, s.files = []string{"speaker", "cp-tool"}, []string{"frr-tools/reloader/frr-reloader.sh"}
	}
	return s.recipe(b, name, version)
}

// FRRK8s is the image of frr-k8s, of the version that the pinned MetalLB requires: the files of upstream's image, and its cp,
// which MetalLB's cp-tool replaces.
func (b *Builder) FRRK8s(version string) (Recipe, error) {
	s := static{pin: "tools/images/metallb", module: "github.com/metallb/frr-k8s"}
	s.packages = map[string]string{
		"frr-k8s": s.module + "/cmd", "frr-metrics": s.module + "/frr-tools/metrics", "frr-status": s.module + "/frr-tools/status",
		"cp-tool": "go.universe.tf/metallb/frr-tools/cp-tool",
	}
	s.programs, s.files = []string{"frr-k8s", "frr-metrics", "frr-status", "cp-tool"}, []string{"frr-tools/reloader/frr-reloader.sh"}
	s.links = map[string]string{"/bin/cp": "cp-tool"}
	return s.recipe(b, "frr-k8s", version)
}

// KubeVip is the image of kube-vip.
func (b *Builder) KubeVip(version string) (Recipe, error) {
	s := static{pin: "tools/images/kube-vip", module: "github.com/kube-vip/kube-vip", programs: []string{"kube-vip"}}
	s.packages = map[string]string{"kube-vip": s.module}
	return s.recipe(b, "kube-vip", version)
}
