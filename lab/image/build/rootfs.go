package build

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Suite is the default Debian release of root file systems.
const Suite = "bookworm"

// RootFS is a root file system of Debian packages.
type RootFS struct {
	Name     string // of the artefact: node-rootfs
	Suite    string // of Debian; empty is Suite
	Packages []string
	// Hooks are shell commands to run after the installation of all packages, with the root at "$1".
	Hooks []string
	// Extra are further inputs of the hash, for example files read by the hooks.
	Extra []string
}

// slim removes files for interactive users only. Licences stay.
func slim() []string {
	return []string{
		"path-exclude=/usr/share/man/*", "path-exclude=/usr/share/info/*", "path-exclude=/usr/share/locale/*",
		"path-exclude=/usr/share/lintian/*", "path-exclude=/usr/share/bash-completion/*",
		"path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright",
	}
}

// mergedUsr is mmdebstrap's own hook that makes /bin, /lib and /sbin links into /usr.
const mergedUsr = "/usr/share/mmdebstrap/hooks/merged-usr"

// clean removes the remains of package installation.
const clean = `rm -rf "$1"/var/cache/* "$1"/var/lib/apt "$1"/var/log/* "$1"/etc/machine-id "$1"/etc/hostname "$1"/etc/resolv.conf "$1"/usr/share/python3/debpython/__pycache__`

func (r RootFS) suite() string { return cmp.Or(r.Suite, Suite) }

// Key is the hash of the root file system's inputs. The packages' versions do not count: the versions are those of the
// day of the build, and the artefact's packages.txt lists the versions.
func (r RootFS) Key() string {
	packages := slices.Sorted(slices.Values(r.Packages))
	inputs := []string{"rootfs 2", r.suite(), runtime.GOARCH, strings.Join(packages, " "), strings.Join(slim(), " "), clean}
	inputs = append(inputs, r.Hooks...)
	return Hash(append(inputs, r.Extra...)...)
}

// RootFS returns a folder with rootfs.tar and packages.txt ("name version" a line), and builds both if missing: by this
// machine's mmdebstrap or, if this user cannot use one, by that of a Debian container in the engine.
func (b *Builder) RootFS(ctx context.Context, r RootFS) (string, error) {
	return b.HeavyArtefact(ctx, r.Name, r.Key(), func(ctx context.Context, dir string) error {
		here := b.mmdebstrap(ctx)
		if here == nil {
			return r.build(ctx, dir)
		}
		if err := b.inDebian(ctx, r, dir); err != nil {
			return fmt.Errorf("%w; and in the engine: %w", here, err)
		}
		return nil
	})
}

// mmdebstrap returns the reason why this user cannot use mmdebstrap here.
func (b *Builder) mmdebstrap(ctx context.Context) error {
	if err := b.need(ctx, toolDebootstrap()); err != nil {
		return err
	}
	if _, err := exec.LookPath("newuidmap"); err != nil && os.Geteuid() != 0 {
		return fmt.Errorf("mmdebstrap needs root or user namespaces: %w; on Debian, as root, run: apt-get install -y uidmap", err)
	}
	return nil
}

// build runs mmdebstrap on this machine.
func (r RootFS) build(ctx context.Context, dir string) error {
	// Beside the artefact, so the next build removes the remains of a killed build.
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return fmt.Errorf("root file system %s: %w", r.Name, err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	args := r.command(dir)
	if os.Geteuid() == 0 {
		// mmdebstrap ignores signals while working. In namespaces of their own, all its processes and mounts end with
		// the first process.
		args = append([]string{"unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), append(environment(), "TMPDIR="+tmp)...)
	if err := run(cmd); err != nil {
		return fmt.Errorf("root file system %s of packages of Debian %s: %w", r.Name, r.suite(), err)
	}
	return nil
}

// environment is that of mmdebstrap. A fixed date makes the same packages give the same bytes.
func environment() []string {
	return []string{fmt.Sprintf("SOURCE_DATE_EPOCH=%d", epoch), "DEBIAN_FRONTEND=noninteractive"}
}

// command is the command that writes rootfs.tar and packages.txt into a folder.
func (r RootFS) command(dir string) []string {
	args := []string{
		"mmdebstrap", "--variant=essential", "--format=tar", "--skip=output/mknod",
		// Merging /usr by links before the first package avoids usrmerge and, with usrmerge, all of perl.
		"--hook-dir=" + mergedUsr, "--include=" + strings.Join(append([]string{"usr-is-merged"}, r.Packages...), ","),
		`--aptopt=APT::Install-Recommends "false"`, `--aptopt=Acquire::Retries "3"`,
	}
	if r.suite() != Suite {
		// A signature with a validity of a week makes sense only for a moving release, and a mirror may be late. The
		// signature itself still counts, and the build checks the package version.
		args = append(args, `--aptopt=Acquire::Check-Valid-Until "false"`)
	}
	for _, opt := range slim() {
		args = append(args, "--dpkgopt="+opt)
	}
	for _, hook := range r.Hooks {
		args = append(args, "--customize-hook="+hook)
	}
	list := `dpkg-query --admindir="$1"/var/lib/dpkg -W -f='${Package} ${Version}\n' > ` + shellQuote(dir+"/packages.txt")
	return append(args, "--customize-hook="+list, "--customize-hook="+clean, r.suite(), dir+"/rootfs.tar")
}

// PackageVersions reads the versions of some packages from a root file system's folder.
func PackageVersions(rootfs string, packages ...string) (map[string]string, error) {
	data, err := os.ReadFile(filepath.Join(rootfs, "packages.txt"))
	if err != nil {
		return nil, fmt.Errorf("packages of a root file system: %w", err)
	}
	versions := map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, version, _ := strings.Cut(strings.TrimSpace(line), " ")
		if slices.Contains(packages, name) {
			versions[name] = version
		}
	}
	return versions, nil
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
