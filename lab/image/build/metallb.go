package build

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	modMetalLB    = "tools/images/metallb" // the pinned module's folder
	metalLBModule = "go.universe.tf/metallb"
)

// metalLBConfigs are the images' configurations, as in upstream's Dockerfiles.
func metalLBConfigs() map[string]v1.Config {
	return map[string]v1.Config{
		"metallb-controller": {Env: []string{searchPath}, Entrypoint: []string{"/controller"}},
		"metallb-speaker":    {Env: []string{searchPath}, Entrypoint: []string{"/speaker"}},
	}
}

func (b *Builder) metalLBPrograms() (Programs, string, error) {
	version, err := b.ModuleVersion(filepath.Join(modMetalLB, "go.mod"), metalLBModule)
	if err != nil {
		return Programs{}, "", err
	}
	return Programs{Module: modMetalLB, Packages: map[string]string{
		"controller": metalLBModule + "/controller", "speaker": metalLBModule + "/speaker", "cp-tool": metalLBModule + "/frr-tools/cp-tool",
	}}, strings.TrimPrefix(version, "v"), nil
}

// MetalLB is an image of MetalLB: the controller, or the speaker together with FRR's reloader. Both are static programs
// of the version pinned in tools/images.
func (b *Builder) MetalLB(name, version string) (Recipe, error) {
	config, ok := metalLBConfigs()[name]
	if !ok {
		return Recipe{}, fmt.Errorf("lab bug: no recipe for image %s", name)
	}
	programs, pinned, err := b.metalLBPrograms()
	if err == nil && version != "" && version != pinned {
		err = fmt.Errorf("%s pins %s; pin %s there to build the image", modMetalLB, pinned, version)
	}
	if err != nil {
		return Recipe{}, err
	}
	key, err := programs.Key(b)
	if err != nil {
		return Recipe{}, err
	}
	return Recipe{
		Name: name, Version: pinned, Parts: map[string]string{"metallb": pinned}, Key: Hash("metallb 1", name, key, fmt.Sprintf("%+v", config)),
		Make: func(ctx context.Context, b *Builder, r Recipe) error { return b.makeMetalLB(ctx, programs, config, r) },
	}, nil
}

func (b *Builder) makeMetalLB(ctx context.Context, programs Programs, config v1.Config, r Recipe) error {
	if err := b.need(ctx, toolGo()); err != nil {
		return err
	}
	dir, err := b.Programs(ctx, programs)
	if err != nil {
		return err
	}
	config.Labels = r.Labels()
	program := func(name string) Entry { return Entry{Path: "/" + name, Mode: 0o755, From: filepath.Join(dir, name)} }
	if r.Name == "metallb-controller" {
		return b.loadLayers(ctx, r, config, []Entry{{Path: "/tmp", Mode: 0o777, Dir: true}, program("controller")})
	}
	source, err := b.ModuleDir(ctx, modMetalLB, metalLBModule)
	if err != nil {
		return err
	}
	reloader := Entry{Path: "/frr-reloader.sh", Mode: 0o755, From: filepath.Join(source, "frr-tools", "reloader", "frr-reloader.sh")}
	return b.loadLayers(ctx, r, config, []Entry{program("speaker"), program("cp-tool"), reloader})
}
