package build

import (
	"context"
	"encoding/json"
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
)

// Programs are Go programs of one pinned module under tools/images, or of a release with its own go.mod.
type Programs struct {
	// Module is the folder of the pinned go.mod, from the source tree's root: tools/images/runc.
	Module string
	// Release is a module's version, github.com/osrg/gobgp/v3@v3.27.0, built in place of the version pinned in Module.
	Release string
	// Packages maps the program's file name to its package.
	Packages map[string]string
	Tags     []string
	// LDFlags are further linker flags; programs are always stripped.
	LDFlags []string
	// CGO links with the C library of this machine.
	CGO bool
	// Extra are further inputs of the hash.
	Extra []string
	// Env is added to the compiler's environment.
	Env []string
}

// name is the programs' name for people.
func (p Programs) name() string {
	if p.Release != "" {
		return path.Base(p.Module) + "-" + p.Release[strings.LastIndex(p.Release, "@")+2:] + "-programs"
	}
	return path.Base(p.Module) + "-programs"
}

// Key is the hash of the programs' inputs. The compiler's version is that of this program, so a machine without a go
// command has the same keys, and uses images that were built elsewhere.
func (p Programs) Key(b *Builder) (string, error) {
	source := p.Release
	if source == "" {
		var err error
		if source, err = b.HashFiles(p.Module+"/go.mod", p.Module+"/go.sum"); err != nil {
			return "", err
		}
	}
	inputs := []string{"programs 1", source, runtime.Version(), runtime.GOARCH, fmt.Sprint(p.CGO)}
	for _, name := range slices.Sorted(maps.Keys(p.Packages)) {
		inputs = append(inputs, name, p.Packages[name])
	}
	inputs = append(inputs, strings.Join(p.Tags, ","), strings.Join(p.LDFlags, " "))
	inputs = append(inputs, p.Env...)
	return Hash(append(inputs, p.Extra...)...), nil
}

// Programs returns a folder with the programs, and builds the programs if missing.
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
	module, err := b.sources(ctx, p)
	if err != nil {
		return err
	}
	args := []string{"-C", module, "build", "-trimpath", "-buildvcs=false",
		"-ldflags", strings.Join(append([]string{"-s", "-w"}, p.LDFlags...), " "), "-o", dir + "/"}
	if len(p.Tags) > 0 {
		args = append(args, "-tags", strings.Join(p.Tags, ","))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Packages)) {
		args = append(args, p.Packages[name])
	}
	// Beside the artefact, so the next build removes the remains of a killed build.
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
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly", "GOOS=linux", "CGO_ENABLED="+cgo, "GOTMPDIR="+tmp)
	cmd.Env = append(cmd.Env, p.Env...)
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

// sources returns the folder for the build: the pinned module's, or the release's own.
func (b *Builder) sources(ctx context.Context, p Programs) (string, error) {
	if p.Release == "" {
		return b.Source(ctx, p.Module)
	}
	m, err := downloadModule(ctx, p.Release)
	return m.Dir, err
}

// downloaded is the go command's answer for a module's version: the folder, and the file with the mirror's information.
type downloaded struct{ Dir, Info, Error string }

// downloadModule downloads a module's version, module@version, into the module cache.
func downloadModule(ctx context.Context, version string) (m downloaded, err error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", version)
	cmd.Dir = os.TempDir() // without a go.mod
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := output(cmd)
	if jsonErr := json.Unmarshal([]byte(out), &m); jsonErr == nil && m.Error != "" {
		return m, fmt.Errorf("sources of %s: %s; try another version", version, m.Error)
	}
	if err != nil {
		return m, fmt.Errorf("sources of %s: %w", version, err)
	}
	return m, nil
}

// programName is the go command's file name for a package's program: the last element of the path that is not a major
// version.
func programName(pkg string) string {
	if base := path.Base(pkg); !regexp.MustCompile(`^v[0-9]+$`).MatchString(base) {
		return base
	}
	return path.Base(path.Dir(pkg))
}

// ModuleDir returns the folder of a module's sources in the module cache, and downloads the sources if missing. gomod
// is the folder of the go.mod with the pinned version, from the source tree's root.
func (b *Builder) ModuleDir(ctx context.Context, gomod, module string) (string, error) {
	dir, err := b.Source(ctx, gomod)
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
