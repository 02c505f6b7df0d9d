package build

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Programs are Go programs of one pinned module under tools/images, or of one release as its own go.mod has it.
type Programs struct {
	// Module is the folder of the pinned go.mod, from the source tree's root: tools/images/runc.
	Module string
	// Release is a version of the packages' module, v3.27.0, that is built in place of what Module pins.
	Release string
	// Packages maps the program's file name to its package.
	Packages map[string]string
	Tags     []string
	// LDFlags are added to those that strip the program.
	LDFlags []string
	// CGO links with the C library of this machine.
	CGO bool
	// Extra are further inputs, hashed: whatever else decides what comes out.
	Extra []string
	// Env is added to the compiler's environment.
	Env []string
}

// name is what people read of it.
func (p Programs) name() string {
	if p.Release != "" {
		return path.Base(p.Module) + "-" + p.Release + "-programs"
	}
	return path.Base(p.Module) + "-programs"
}

// Key is the hash of the programs' inputs.
func (p Programs) Key(b *Builder) (string, error) {
	source := p.Release
	if source == "" {
		var err error
		if source, err = b.HashFiles(p.Module+"/go.mod", p.Module+"/go.sum"); err != nil {
			return "", err
		}
	}
	inputs := []string{"programs 1", source, goVersion(), runtime.GOARCH, fmt.Sprint(p.CGO)}
	for _, name := range slices.Sorted(maps.Keys(p.Packages)) {
		inputs = append(inputs, name, p.Packages[name])
	}
	inputs = append(inputs, strings.Join(p.Tags, ","), strings.Join(p.LDFlags, " "))
	inputs = append(inputs, p.Env...)
	return Hash(append(inputs, p.Extra...)...), nil
}

// Programs returns a folder with the programs, built if need be.
func (b *Builder) Programs(ctx context.Context, p Programs) (string, error) {
	key, err := p.Key(b)
	if err != nil {
		return "", err
	}
	return b.HeavyArtefact(ctx, p.name(), key, func(ctx context.Context, dir string) error {
		return b.goBuild(ctx, p, dir)
	})
}

func (b *Builder) goBuild(ctx context.Context, p Programs, dir string) error {
	args, env, err := b.goArgs(p, dir)
	if err != nil {
		return err
	}
	// Beside the artefact, so that what a killed build leaves goes when the next one begins.
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return fmt.Errorf("build Go programs of %s: %w", p.Module, err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	cmd := exec.CommandContext(ctx, "go", args...)
	cgo := "0"
	if p.CGO {
		cgo = "1"
	}
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOOS=linux", "CGO_ENABLED="+cgo, "GOTMPDIR="+tmp)
	cmd.Env = append(append(cmd.Env, env...), p.Env...)
	if err := run(cmd); err != nil {
		return fmt.Errorf("build Go programs of %s: %w", p.Module, err)
	}
	for name, pkg := range p.Packages {
		if def := programName(pkg); def != name {
			if err := os.Rename(filepath.Join(dir, def), filepath.Join(dir, name)); err != nil {
				return fmt.Errorf("build Go programs of %s: %w", p.Module, err)
			}
		}
	}
	return nil
}

// goArgs are the go command's arguments that build programs into a folder, and what its environment needs for it.
func (b *Builder) goArgs(p Programs, dir string) (args, env []string, err error) {
	flags := []string{"-trimpath", "-buildvcs=false", "-ldflags", strings.Join(append([]string{"-s", "-w"}, p.LDFlags...), " ")}
	if len(p.Tags) > 0 {
		flags = append(flags, "-tags", strings.Join(p.Tags, ","))
	}
	if p.Release != "" {
		args, env = append([]string{"install"}, flags...), []string{"GOFLAGS=", "GOBIN=" + dir}
	} else {
		module, err := b.Source(p.Module)
		if err != nil {
			return nil, nil, err
		}
		args = append(append([]string{"-C", module, "build"}, flags...), "-o", dir+"/")
		env = []string{"GOFLAGS=-mod=readonly"}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Packages)) {
		pkg := p.Packages[name]
		if p.Release != "" {
			pkg += "@" + p.Release
		}
		args = append(args, pkg)
	}
	return args, env, nil
}

// programName is the file name that the go command gives to a package's program: its path's last
// element that is not a major version.
func programName(pkg string) string {
	if base := path.Base(pkg); !regexp.MustCompile(`^v[0-9]+$`).MatchString(base) {
		return base
	}
	return path.Base(path.Dir(pkg))
}

// goVersion is the version of the go command on the path, asked for once: another compiler makes
// other programs. It is "none" where there is no go command; building then says so.
var goVersion = sync.OnceValue(func() string {
	out, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil {
		return "none"
	}
	return strings.TrimSpace(string(out))
})

// ModuleDir is the folder of a module's sources in the module cache, downloaded if need be. gomod is
// the folder of the go.mod that pins it, from the source tree's root ("." is the project's own).
func (b *Builder) ModuleDir(ctx context.Context, gomod, module string) (string, error) {
	dir, err := b.Source(gomod)
	if err != nil {
		return "", err
	}
	list := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "go", append([]string{"-C", dir}, args...)...)
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
		out, err := output(cmd)
		return strings.TrimSpace(out), err
	}
	found, err := list("list", "-m", "-f", "{{.Dir}}", module)
	if err == nil && found == "" {
		if _, err = list("mod", "download", module); err == nil {
			found, err = list("list", "-m", "-f", "{{.Dir}}", module)
		}
	}
	if err != nil {
		return "", fmt.Errorf("sources of module %s: %w", module, err)
	}
	if found == "" {
		return "", fmt.Errorf("sources of module %s: not in the module cache after `go mod download`", module)
	}
	return found, nil
}
